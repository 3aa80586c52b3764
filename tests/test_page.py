"""The page to look into: its numbers, that no text can become markup, and what a reader sees."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib import figures, page
from lib.frames import ORDER_BAND
from lib.neurons import describe_ranked, number_tiles, rank_images
from lib.page import collect, collect_misalignment, collect_pruning, embed_json, render_page
from lib.statistics import mean_interval, wilson_interval
from lib.thumbnails import COLUMNS, make_sheet
from tests.browser import open_browser

RUN = "window.hacked = 1"
EVIL_CLASS = f"</script><script>{RUN}</script>"
EVIL_CAPTION = f'<img src=x onerror="{RUN}"> <!-- <script> \u2028 &lt;b&gt; ]]>'
HEADS = ["pretrained", "none_Cs00", "similar_Cs30", "random_Cs30"]
KEPT, DIM, IMAGES, SEEDS = [2, 4, 6], 8, 40, [0, 1, 2]


def make_tables(seed=0):
    """The tables of a small study: two models, datasets and strategies, one Cs, three seeds."""
    random = np.random.default_rng(seed)

    def draw():
        return {"accuracy": random.integers(IMAGES) / IMAGES, "silhouette": random.normal() / 9}

    places = [
        {"model": m, "dataset": d} for m in ("clip", "laclip") for d in ("digits", "food-101")
    ]
    pruning = []
    for place in places:
        pruning.append(place | {"strategy": "full", "kept": DIM, "draw": 0} | draw())
        for order, draws in (("high_purity", 1), ("low_purity", 1), ("random", 10)):
            pruning += [
                place | {"strategy": order, "kept": k, "draw": d} | draw()
                for d in range(draws)
                for k in KEPT
            ]
    conditions = [("none", 0.0), ("similar", 0.3), ("random", 0.3)]
    heads = [{"strategy": s, "cs": cs, "seed": seed} for s, cs in conditions for seed in SEEDS]
    heads.insert(0, {"strategy": "pretrained", "cs": np.nan, "seed": np.nan})
    level = {"random_baseline": 0.07, "random_low": 0.069, "random_high": 0.071}
    return {
        "comparison": pd.DataFrame([p | {"n_images": IMAGES, "n_classes": 3} for p in places]),
        "pruning": pd.DataFrame(pruning),
        "misalignment": pd.DataFrame(
            {"model": m, **head, "projection": p, "avg_abs_cos_sim": random.uniform(), **level}
            for m in ("clip", "laclip")
            for head in heads
            for p in ("image", "text")
        ),
        "accuracy": pd.DataFrame(place | head | draw() for place in places for head in heads),
    }


def make_neurons(heads=HEADS):
    """Neurons of both models, with hostile names, and sheets of tiles that are all of one red."""
    random = np.random.default_rng(0)
    neurons = list(range(DIM))
    ranked = {
        model: {
            head: rank_images(random.normal(size=(IMAGES, DIM)), np.array(neurons), 2)
            for head in heads
        }
        for model in ("clip", "laclip")
    }
    rows = number_tiles(ranked)
    about = {"dim": DIM, "neurons": neurons, "ranks": neurons[::-1]}
    about["random"] = {name: [0.07, 0.069, 0.071] for name in ("image", "text")}
    sources = [{"name": name, "images": describe_ranked(ranked, rows)} for name in SOURCES]
    for source in sources[:-1]:
        source |= {"classes": [EVIL_CLASS, "b", "c"], "labels": [0] * len(rows)}
    sources[-1]["captions"] = [EVIL_CAPTION] * len(rows)
    sheet = make_sheet([Image.new("RGB", (16, 16), (200, 30, 30))] * len(rows), 16)
    models = {}
    for model in ("clip", "laclip"):
        image, text = random.uniform(0.05, 0.2, (2, len(heads), DIM)).round(5).tolist()
        cosines = zip(heads, image, text, strict=True)
        models[model] = about | {"cosines": {h: {"image": i, "text": t} for h, i, t in cosines}}
    described = {"thumbnail": 16, "columns": COLUMNS, "models": models, "sources": sources}
    return json.loads(json.dumps(described)), [sheet] * len(sources)


SOURCES = ["digits", "food-101", None]


def read_parts(root):
    names = ("page.html", "page.css", "chart.js", "page.js")
    template, style, *scripts = page.read_texts(root / "workflow/page" / name for name in names)
    return template, style, "".join(scripts)


@pytest.fixture(scope="module")
def text(root):
    """The page of a study whose class names and captions are attacks."""
    return render_page(collect(*make_neurons(), **make_tables()), *read_parts(root))


# --- Numbers --------------------------------------------------------------------------------------


def test_pruning_has_the_numbers_of_the_table():
    tables = make_tables()
    counts = tables["comparison"].set_index(["model", "dataset"])["n_images"]
    found = collect_pruning(tables["pruning"], tables["accuracy"], counts)["laclip"]["digits"]
    rows = tables["pruning"].query("model == 'laclip' and dataset == 'digits'")
    assert found["kept"] == KEPT
    for order in ("high_purity", "low_purity"):
        for i, k in enumerate(KEPT):
            (row,) = rows[(rows["strategy"] == order) & (rows["kept"] == k)].to_dict("records")
            expected = wilson_interval(round(row["accuracy"] * IMAGES), IMAGES)
            assert found[order]["accuracy"][i] == pytest.approx(list(expected))
            assert found[order]["silhouette"][i] == [row["silhouette"], None, None]
    for measure in ("accuracy", "silhouette"):
        values = rows[(rows["strategy"] == "random") & (rows["kept"] == 4)][measure]
        expected = [values.mean(), *np.quantile(values, ORDER_BAND)]
        assert found["random"][measure][1] == pytest.approx(expected)
    control = tables["accuracy"].query(
        "model == 'laclip' and dataset == 'digits' and strategy == 'none'"
    )
    assert found["control"]["accuracy"] == pytest.approx(control["accuracy"].mean())


def test_misalignment_has_means_over_seeds_with_their_intervals():
    tables = make_tables()
    found = collect_misalignment(tables["misalignment"], tables["accuracy"])["clip"]
    rows = tables["misalignment"].query("model == 'clip' and projection == 'text'")
    curve = found["purity"]["text"]["strategies"]["similar"]
    assert curve["cs"] == [0.0, 0.3]
    for strategy, point in (("none", curve["points"][0]), ("similar", curve["points"][1])):
        values = rows.loc[rows["strategy"] == strategy, "avg_abs_cos_sim"].to_numpy()
        assert point == pytest.approx(np.clip(mean_interval(values), 0, 1))
    assert found["purity"]["text"]["random"] == [0.07, 0.069, 0.071]
    rows = tables["accuracy"].query("model == 'clip' and dataset == 'food-101'")
    place = found["datasets"]["food-101"]["accuracy"]
    assert place["pretrained"] == rows.loc[rows["strategy"] == "pretrained", "accuracy"].item()


def test_one_seed_has_no_interval():
    tables = make_tables()
    one = {
        name: tables[name][tables[name]["seed"].isin([0, np.nan])]
        for name in ("misalignment", "accuracy")
    }
    data = collect(*make_neurons(), **(tables | one))
    points = data["misalignment"]["clip"]["purity"]["image"]["strategies"]["random"]["points"]
    assert [point[1:] for point in points] == [[None, None]] * 2


def test_colours_and_names_are_those_of_the_figures(root):
    style = (root / "workflow/page/page.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#\w{6})", style))
    names = ("ink", "muted", "grey", "blue", "vermillion", "green", "purple", "orange", "sky")
    assert {name: colours[name] for name in names} == {
        name: getattr(figures, name.upper()) for name in names
    }
    script = (root / "workflow/page/page.js").read_text()
    for order in page.ORDERS:
        colour = re.search(rf"{order}: .*?var\(--(\w+)\)", script)[1]
        assert colours[colour] == figures.PRUNING_STYLES[order].colour
    models = re.findall(r'"(\w+)"', re.search(r"MODEL_COLOURS = \[(.*?)\]", script)[1])
    assert tuple(colours[name] for name in models) == figures.MODEL_COLOURS
    for strategy, name in figures.STRATEGY_NAMES.items():
        assert f'{strategy}: "{name}"' in script


# --- Nothing becomes markup, nothing is fetched ---------------------------------------------------


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_json_holds_no_character_of_html_and_says_the_same():
    value = {EVIL_CLASS: [EVIL_CAPTION, "\u2029", 1.5, None]}
    text = embed_json(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed_json([float("nan")])


def test_class_names_and_captions_add_no_element(text):
    elements = Elements(text).found
    assert [tag for tag, _ in elements].count("script") == 2
    assert not {tag for tag, _ in elements} & {"img", "iframe", "object", "embed", "base"}
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert "onerror" not in re.sub(r'<script type="application/json".*?</script>', "", text)


def test_the_page_loads_nothing(text):
    addresses = [
        value
        for _, attributes in Elements(text).found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster")
    ]
    assert addresses == ["data:,"]  # no icon is asked for
    assert re.findall(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", text) == []
    assert set(re.findall(r"https?://[\w./]+", text)) == {"http://www.w3.org/2000/svg"}


def test_a_script_that_would_end_its_element_is_refused(root):
    template, style, script = read_parts(root)
    data = collect(*make_neurons(), **make_tables())
    with pytest.raises(ValueError, match="would end it there"):
        render_page(data, template, style, script + '"</SCRIPT>"')


def test_names_in_the_template_are_escaped():
    found = render_page({"models": {"<i>": 0}, "datasets": {}}, "{{ models }}", "", "")
    assert found == "[&#39;&lt;i&gt;&#39;]"


# --- In a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with open_browser() as found:
        yield found


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page's text; what it asks for, logs, and throws must be nothing."""
    opened = []

    def visit(text, width=1280):
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        tab = browser.new_page(viewport={"width": width, "height": 900})
        trouble = []
        tab.on("request", lambda request: trouble.append(request.url))
        tab.on("console", lambda message: trouble.append(message.text))
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.goto(path.as_uri())
        opened.append((tab, trouble, path))
        return tab

    yield visit
    for tab, trouble, path in opened:
        tab.close()
        assert {each for each in trouble if not each.startswith("data:")} == {path.as_uri()}


def get_words(tab, section):
    return tab.locator(f"#{section} .words").inner_text()


def test_a_script_in_a_class_name_or_caption_is_text(visit, text):
    tab = visit(text)
    assert tab.locator("#neurons .tile figcaption").first.inner_text() == EVIL_CLASS
    tab.select_option("#source", label="validation pairs, with captions")
    shown = tab.locator("#neurons .tile figcaption").first.text_content()
    assert shown == EVIL_CAPTION
    tab.hover("#neurons .tile >> nth=0")
    assert EVIL_CAPTION in tab.locator("#tip").text_content()
    assert tab.evaluate("window.hacked === undefined && document.images.length === 0")


def test_the_browser_would_refuse_what_got_in_all_the_same(browser, text, tmp_path):
    """The page's own policy: no script but its own, no request."""
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    refused = tab.evaluate(
        """async (run) => {
            const found = [];
            const note = (event) => found.push(event.effectiveDirective);
            document.addEventListener("securitypolicyviolation", note);
            document.body.insertAdjacentHTML("beforeend", `<p onclick="${run}" id="evil">x</p>`);
            document.getElementById("evil").click();
            const script = document.createElement("script");
            script.textContent = run;
            document.body.append(script);
            await fetch("data:,x").catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, 50));
            return [window.hacked === undefined, found.sort()];
        }""",
        RUN,
    )
    tab.close()
    assert refused == [True, ["connect-src", "script-src-attr", "script-src-elem"]]


def test_a_click_on_a_curve_chooses_k_and_cs(visit, text):
    tab = visit(text)
    for section, before, after in (
        ("pruning", "k = 4 of 8", f"k = {KEPT[0]} of 8"),
        ("misalignment", "Cs = 0.3, random", "The control, fine-tuned at Cs 0"),
    ):
        assert before in get_words(tab, section)
        chart = tab.locator(f"#{section}-accuracy svg")
        chart.click(position={"x": 60, "y": 100})
        assert after in get_words(tab, section)
    assert tab.input_value("#cs") == "0"


def test_hover_tells_the_numbers(visit, text):
    tab = visit(text)
    chart = tab.locator("#pruning-silhouette svg")
    chart.hover(position={"x": 60, "y": 100})
    shown = tab.locator("#tip").inner_text()
    rows = make_tables()["pruning"].query("model == 'laclip' and dataset == 'digits'")
    value = rows.query("strategy == 'high_purity' and kept == 2")["silhouette"].item()
    assert "neurons kept, k = 2" in shown
    assert f"{value:.3f}".replace("-", "\N{MINUS SIGN}") in shown
    tab.mouse.move(5, 5)
    assert tab.locator("#tip").is_hidden()


def test_curves_end_where_all_neurons_are_kept(visit, text):
    """Whatever the order, nothing is pruned there, and no neuron is among the purest."""
    tab = visit(text)
    assert tab.locator("#neurons .badge").count() > 0
    chart = tab.locator("#pruning-silhouette svg")
    chart.hover(position={"x": chart.bounding_box()["width"] - 12, "y": 100})
    rows = make_tables()["pruning"].query("model == 'laclip' and dataset == 'digits'")
    value = rows.query("strategy == 'full'")["silhouette"].item()
    shown = tab.locator("#tip").inner_text()
    assert f"k = {DIM}" in shown
    words = f"{value:.3f}".replace("-", "\N{MINUS SIGN}")
    assert shown.count(words) == 3 + 2 + 1  # three orders, the band of random ones, all kept
    tab.focus("#kept")
    tab.keyboard.press("End")
    assert tab.locator("#neurons .badge").count() == 0


@pytest.mark.parametrize(
    ("ticks", "scale", "expected"),
    [
        ([2, 4, 6, 8], 20, [2, 4, 6, 8]),
        ([*range(16, 129, 8)], 2, [*range(16, 129, 16)]),
        ([*range(16, 129, 8)], 1, [32, 64, 96, 128]),
        ([5], 1, [5]),
    ],
)
def test_labels_of_ticks_are_evenly_chosen(visit, text, ticks, scale, expected):
    tab = visit(text)
    chosen = tab.evaluate(f"chooseLabels({ticks}, (tick) => {scale} * tick)")
    assert chosen == expected


def test_strategies_have_the_colour_of_their_model(visit, text):
    """The one that is not chosen is faint, and its key too."""
    tab = visit(text)
    keys = "#misalignment .legend svg"
    for model, colour in (("laclip", "vermillion"), ("clip", "blue")):
        tab.select_option("#model", model)
        for number, fill in ((0, f"var(--{colour})"), (1, "#FFFFFF")):
            key = tab.locator(keys).nth(number)
            assert key.locator("line").get_attribute("stroke") == f"var(--{colour})"
            assert key.locator("line + *").get_attribute("fill") == fill
    assert [tab.locator(keys).nth(n).get_attribute("opacity") for n in (0, 1)] == ["0.45", None]


def test_choosers_change_what_is_shown_by_mouse_and_keyboard(visit, text):
    tab = visit(text)
    tab.select_option("#model", "clip")
    tab.select_option("#dataset", "food-101")
    tab.select_option("#strategy", "similar")
    assert "clip on food-101" in get_words(tab, "pruning")
    assert "Cs = 0.3, similar captions swapped: clip on food-101" in get_words(tab, "misalignment")
    rows = make_tables()["accuracy"].query(
        "model == 'clip' and dataset == 'food-101' and strategy == 'similar'"
    )
    estimate, low, high = 100 * np.clip(mean_interval(rows["accuracy"].to_numpy()), 0, 1)
    words = get_words(tab, "misalignment")
    assert f"{estimate:.1f}%" in words
    assert f"[{low:.1f}, {high:.1f}]" in words
    tab.focus("#kept")
    tab.keyboard.press("End")
    assert "k = 8 of 8" in get_words(tab, "pruning")
    tab.keyboard.press("ArrowLeft")
    assert "k = 6 of 8" in get_words(tab, "pruning")
    tab.reload()  # the address says what was chosen; nothing else would keep it
    assert "k = 6 of 8 neurons, clip on food-101" in get_words(tab, "pruning")


def test_neurons_are_sorted_by_purity_and_as_asked(visit, text):
    tab = visit(text)
    tab.select_option("#cs", "pretrained")
    cosines = make_neurons()[0]["models"]["laclip"]["cosines"]["pretrained"]["image"]
    order = sorted(range(DIM), key=cosines.__getitem__)
    first_cells = "#neurons tbody td:first-child"
    assert tab.locator(first_cells).all_inner_texts() == [str(neuron) for neuron in order]
    tab.get_by_role("button", name="mean |cos|").press("Enter")
    assert tab.locator(first_cells).all_inner_texts() == [str(neuron) for neuron in order[::-1]]
    tab.get_by_role("button", name="neuron", exact=False).first.click()
    assert tab.locator(first_cells).all_inner_texts() == [str(i) for i in range(DIM)]
    assert tab.locator("#neurons th[aria-sort=ascending]").inner_text().startswith("neuron")


def test_a_screenshot_shows_curves_and_thumbnails(visit, text):
    tab = visit(text)
    tab.wait_for_function(
        # a copy is read: of a canvas that is read again and again Chromium warns
        """() => [...document.querySelectorAll(".tile canvas")].every((canvas) => {
            const copy = new OffscreenCanvas(1, 1).getContext("2d");
            copy.drawImage(canvas, 8, 8, 1, 1, 0, 0, 1, 1);
            return copy.getImageData(0, 0, 1, 1).data[0] > 150;
        })"""
    )
    image = Image.open(io.BytesIO(tab.screenshot(full_page=True))).convert("RGB")
    pixels = np.asarray(image).reshape(-1, 3).astype(int)

    def count_near(colour):
        return int((np.abs(pixels - colour).max(axis=1) < 12).sum())

    for colour in (figures.GREEN, figures.ORANGE, figures.VERMILLION):
        assert count_near([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) > 100
    assert count_near([200, 30, 30]) > DIM * 4 * 1000  # tiles of 56 x 56


def test_a_narrow_screen_needs_no_scrolling_sideways(visit, text):
    tab = visit(text, width=400)
    assert tab.evaluate("document.documentElement.scrollWidth") == 400
    assert tab.locator("#pruning-accuracy svg").bounding_box()["width"] > 300
    for button in tab.locator("#neurons thead button").all():
        assert button.bounding_box()["height"] < 30  # one line


def test_a_study_without_pruning_and_misalignment_has_its_neurons(visit, root):
    comparison = make_tables()["comparison"]
    data = collect(*make_neurons(["pretrained"]), comparison)
    tab = visit(render_page(data, *read_parts(root)))
    assert tab.locator("#pruning").is_hidden()
    assert tab.locator("#misalignment").is_hidden()
    assert tab.locator("#strategy").is_hidden()
    assert tab.locator("#neurons tbody tr").count() == DIM
