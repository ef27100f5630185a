"""The page that `compare` writes, in pieces: it must work from a disk, without any network."""

from __future__ import annotations

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ground: #f3f3f1; --ink: #1c1c1a; --soft: #62625c;
  --line: #c9c9c2; --accent: #1f5fbf; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: #191918; --ink: #ecece8; --soft: #a3a39b;
  --line: #454541; --accent: #8db7ff; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 64rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.1rem; margin: 2.5rem 0 .2rem; overflow-wrap: anywhere; }}
p, ul {{ margin: .3rem 0; color: var(--soft); overflow-wrap: anywhere; }}
figure {{ margin: 2rem 0 0; content-visibility: auto; contain-intrinsic-size: auto 60rem; }}
figcaption {{ display: flex; gap: .8rem; align-items: baseline; flex-wrap: wrap;
  padding-bottom: .4rem; }}
figcaption span {{ color: var(--soft); }}
.pair {{ position: relative; display: grid; width: max-content; max-width: 100%;
  border: 1px solid var(--line); background: #fff; --x: 50%; }}
.pair img {{ grid-area: 1 / 1; width: 100%; height: auto; max-height: 94vh; object-fit: contain;
  min-width: 0; display: block; }}
.pair .after {{ clip-path: inset(0 0 0 var(--x)); background: #fff; height: 100%; }}
.pair::after {{ content: ""; position: absolute; inset: 0 auto 0 var(--x); width: 2px;
  margin-left: -1px; background: var(--accent); pointer-events: none; }}
.pair input {{ position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; touch-action: pan-y; }}
.pair:focus-within {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
.tag {{ position: absolute; top: .5rem; padding: 0 .5rem; border-radius: .3rem; font-size: .8rem;
  background: rgb(0 0 0 / .65); color: #fff; pointer-events: none; }}
.tag.right {{ right: .5rem; }} .tag.left {{ left: .5rem; }}
.alone img {{ max-width: 100%; max-height: 94vh; border: 1px solid var(--line); }}
button {{ font: inherit; color: inherit; background: none; border: 1px solid var(--line);
  border-radius: .3rem; padding: 0 .6rem; cursor: pointer; }}
</style>
<noscript><style>.pair {{ display: flex; width: auto; gap: 2px; }} .pair img {{ width: 50%; }}
.pair .after {{ clip-path: none; height: auto; }}
.pair input, .pair::after, button {{ display: none; }}
</style></noscript>
</head>
<body>
<h1>{title}</h1>
<p>Before is on the left of the line, after on its right. Drag it; or use the arrow keys on a page,
and Home and End for all of one of them.</p>
"""

SECTION = """<h2>{title}</h2>
"""

NOTES = """<ul>
{items}</ul>
"""

PAIR = """<figure>
<figcaption><b>Page {number}</b> <span>{note}</span>
<button type="button">flip</button></figcaption>
<div class="pair"><img alt="Page {number} before" width="{width}" height="{height}"
 decoding="async" src="{before}"><img class="after" alt="Page {number} after"
 width="{width}" height="{height}" decoding="async" src="{after}"><span
 class="tag left">before</span><span class="tag right">after</span><input type="range" min="0"
 max="100" value="50" aria-label="Page {number}: how much of it is shown as before, %"></div>
</figure>
"""

ALONE = """<figure class="alone">
<figcaption><b>Page {number}</b> <span>{note}</span></figcaption>
{body}</figure>
"""

TAIL = """<script>
for (const pair of document.querySelectorAll(".pair")) {
  const slider = pair.querySelector("input");
  const show = () => pair.style.setProperty("--x", slider.value + "%");
  slider.addEventListener("input", show);
  pair.parentElement.querySelector("button").addEventListener("click", () => {
    slider.value = slider.value > 50 ? 0 : 100;
    show();
  });
  show();
}
</script>
</body>
</html>
"""
