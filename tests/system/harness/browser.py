"""What a web page looks like in a browser without a screen: Debian's chromium-headless-shell."""
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.parse

BROWSER = "chromium-headless-shell"
WIDTHS = (1280, 390)  # of a desk and of a telephone, in pixels

# Looks at the page from outside, in a frame of each width: the page itself has no script.
WRAPPER = """<!DOCTYPE html><html><body><script>
const round = r => ({x: r.left, y: r.top, right: r.right, bottom: r.bottom});
function look(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const pictures = [...page.querySelectorAll("svg")].map(svg => ({
    box: round(svg.getBoundingClientRect()),
    named: !!svg.querySelector("title") || svg.getAttribute("aria-hidden") === "true",
    texts: [...svg.querySelectorAll("text")]
      .map(text => ({text: text.textContent, bar: text.classList.contains("in"),
                     box: round(text.getBoundingClientRect())}))
      .filter(text => text.box.right > text.box.x),
    bars: [...svg.querySelectorAll("rect")].map(bar => round(bar.getBoundingClientRect())),
  }));
  return {width: root.clientWidth, scroll_width: root.scrollWidth, pictures,
          text: page.body.innerText, title: page.title,
          titles: [...page.querySelectorAll("svg title")].map(title => title.textContent),
          verdict: page.querySelector(".verdict").getBoundingClientRect().bottom,
          tables: [...page.querySelectorAll("table")].map(table => ({
            caption: table.caption ? table.caption.textContent : "",
            heads: table.querySelectorAll("thead th[scope=col]").length,
            rows: [...table.tBodies[0].rows].map(row => row.innerText.replace(/\\s+/g, " ").trim()),
          }))};
}
onload = () => {
  const looks = [...document.querySelectorAll("iframe")].map(look);
  document.body.textContent = "LOOKS " + encodeURIComponent(JSON.stringify(looks)) + " END";
};
</script>%s</body></html>"""


def run(*argv):
    """Runs the browser; returns what it prints, and what pages wrote to the console."""
    with tempfile.TemporaryDirectory(prefix="regent-browser-") as profile:
        done = subprocess.run(
            [BROWSER, "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--allow-file-access-from-files", "--enable-logging=stderr",
             f"--user-data-dir={profile}", *argv],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True,
            env={**os.environ, "HOME": profile})
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, console


def look_at(path):
    """What the page at `path` looks like at each of WIDTHS, and the lines on the console."""
    address = pathlib.Path(path).absolute().as_uri()
    frames = "".join(f'<iframe src="{address}" style="width:{width}px;height:900px;border:0">'
                     "</iframe>" for width in WIDTHS)
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as wrapper:
        wrapper.write(WRAPPER % frames)
        wrapper.flush()
        dom, console = run("--dump-dom", f"file://{wrapper.name}")
    looks = dom.split("LOOKS ")[-1].split(" END")[0]
    return json.loads(urllib.parse.unquote(looks)), console


def screenshot(path, png, width, height=3000):
    """A picture of the page; returns its bytes."""
    address = pathlib.Path(path).absolute().as_uri()
    run(f"--screenshot={png}", f"--window-size={width},{height}", address)
    return pathlib.Path(png).read_bytes()


def overlap(a, b):
    """Whether two boxes share more than their edges."""
    return (min(a["right"], b["right"]) - max(a["x"], b["x"]) > 1 and
            min(a["bottom"], b["bottom"]) - max(a["y"], b["y"]) > 1)


def inside(a, b):
    """Whether the first box lies in the second."""
    return (a["x"] >= b["x"] - 1 and a["right"] <= b["right"] + 1 and
            a["y"] >= b["y"] - 1 and a["bottom"] <= b["bottom"] + 1)


def flaws(look):
    """What is wrong with how a page is laid out, a sentence each."""
    found = []
    if look["scroll_width"] > look["width"]:
        found.append(f"{look['scroll_width']} pixels wide in a window of {look['width']}")
    for picture in look["pictures"]:
        if not picture["named"]:
            found.append("a picture has no title")
        texts = picture["texts"]
        for i, text in enumerate(texts):
            if not inside(text["box"], picture["box"]):
                found.append(f"'{text['text']}' lies outside of its picture")
            if text["bar"] and not any(inside({**text["box"], "y": 0, "bottom": 0},
                                              {**bar, "y": 0, "bottom": 0})
                                       for bar in picture["bars"]
                                       if overlap(bar, text["box"])):
                found.append(f"'{text['text']}' is longer than its bar")
            found += [f"'{text['text']}' and '{other['text']}' overlap"
                      for other in texts[i + 1:] if overlap(text["box"], other["box"])]
    found += [f"table '{table['caption']}' has {table['heads']} headings"
              for table in look["tables"] if not table["caption"] or table["heads"] < 2]
    return found
