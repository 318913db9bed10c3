// Draws the figures of this page. What is data alone is drawn in the page, since browsers
// draw in frames only what somebody looks at; all else in a frame that can reach neither
// the page nor a network. The same script runs in such a frame, which may hold more.
(() => {
  "use strict";
  const own = document.currentScript;
  const code = own.textContent;
  const page = own.hasAttribute("data-framed") ? window.parent : null;
  const TALLEST = 20000;
  // What is as high as its frame, and more, would grow for ever.
  const MOST_HEIGHTS = 200;
  const LONGEST_WAIT = 2000;
  const libraries = new Map();
  const loaded = new Set();
  const frames = new Map();
  let diagrams = 0;

  // What draws a figure, within its frame.

  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

  // A script as a file of its own: one within the page would need a rule for it.
  const run = (place, tag, text) => new Promise((done) => {
    tag.onload = tag.onerror = done;
    tag.src = address(text);
    place(tag);
  });
  function load(wanted) {
    const names = wanted.filter((name) => !loaded.has(name));
    names.forEach((name) => loaded.add(name));
    const styles = names.map((name) => libraries.get(name)?.css).filter(Boolean);
    document.head.prepend(...styles.map((text) => {
      const tag = document.createElement("style");
      tag.textContent = text;
      return tag;
    }));
    // Browsers keep what they have made of a text, for the next frame as well.
    for (const text of names.map((name) => libraries.get(name)?.js).filter(Boolean)) {
      const tag = document.createElement("script");
      tag.textContent = text;
      document.head.append(tag);
    }
  }

  const draw = {
    async plotly(box, { data, layout, config, frames: steps }) {
      // A frame may save nothing.
      const settings = { responsive: true, ...config, displaylogo: false };
      settings.modeBarButtonsToRemove = [...(config?.modeBarButtonsToRemove ?? []), "toImage"];
      await Plotly.newPlot(box, data, layout, settings);
      if (steps?.length) await Plotly.addFrames(box, steps);
    },
    async vega(box, { spec, options }) {
      // Nothing may come from elsewhere: what is not in the page is an error that shows.
      const loader = vega.loader();
      loader.load = async (url) => { throw new Error(`${url} is not in this page`); };
      const { mode, theme, width, height, scaleFactor } = options ?? {};
      const chosen = { mode, theme, width, height, scaleFactor };
      // Else it may put styles and controls anywhere.
      delete spec.usermeta;
      every(spec, (it) => { delete it.bind?.element; return true; });
      const settings = { ...chosen, actions: false, renderer: "svg", loader };
      await vegaEmbed(box, spec, settings);
    },
    async bokeh(box, { docs_json, render_items }) {
      for (const item of render_items) {
        delete item.notebook_comms_target;
        for (const [root, id] of Object.entries(item.roots)) {
          const place = document.createElement("div");
          place.id = item.roots[root] = `drawn-${id}`;
          place.dataset.rootId = root;
          place.style.display = "contents";
          box.append(place);
        }
      }
      await Bokeh.embed.embed_items(docs_json, render_items);
    },
    async mermaid(box, text) {
      mermaid.initialize({ startOnLoad: false });
      // Its styles stay within it.
      box.attachShadow({ mode: "open" }).innerHTML = (await mermaid.render(`diagram-${++diagrams}`, text)).svg;
    },
    async anywidget(box, { esm, css, state, buffers }) {
      for (const [path, text] of buffers ?? []) {
        const owner = path.slice(0, -1).reduce((value, key) => value[key], state);
        owner[path.at(-1)] = new DataView(bytes(text).buffer);
      }
      const model = {
        get: (name) => state[name],
        set: (name, value) => { state[name] = value; },
        on() {}, off() {}, save_changes() {}, send() {},
      };
      if (css) {
        const style = document.createElement("style");
        style.textContent = css;
        document.head.append(style);
      }
      const code = await import(address(esm));
      const widget = typeof code.default === "function" ? await code.default() : code.default;
      await widget?.initialize?.({ model });
      await (widget ?? code).render({ model, el: box });
    },
    async html() {
      for (const old of document.querySelectorAll("script")) {
        if (/json|plain/.test(old.type)) continue;
        const tag = document.createElement("script");
        for (const { name, value } of old.attributes) tag.setAttribute(name, value);
        await run((it) => old.replaceWith(it), tag, old.textContent);
      }
      // What waits for the page has missed that.
      document.dispatchEvent(new Event("DOMContentLoaded", { bubbles: true }));
      window.dispatchEvent(new Event("load"));
      showVisible();
    },
  };

  function killLinks(place) {
    place.addEventListener("click", (event) => {
      const link = event.composedPath().find((it) => it.localName === "a");
      const leads = link?.getAttribute("href") ?? link?.getAttribute("xlink:href") ?? "#";
      if (!leads.startsWith("#")) event.preventDefault();
    });
  }

  async function begin({ kind, spec, needs, fills, held }) {
    const tell = (words) => page.postMessage(words, "*");
    for (const [name, texts] of held) libraries.set(name, texts);
    // Whoever asks other computers by these asks past all rules.
    for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) delete window[name];
    // No link leads anywhere from here, and no step back takes the page along.
    Object.assign(History.prototype, { back() {}, forward() {}, go() {} });
    killLinks(document);
    try {
      const held = new DOMParser().parseFromString(spec.html ?? "", "text/html");
      for (const element of held.querySelectorAll("*")) {
        // As properties, since no rule allows those in the text.
        for (const { name, value } of [...element.attributes]) {
          if (!name.startsWith("on")) continue;
          element.removeAttribute(name);
          element[name] = new Function("event", value);
        }
      }
      document.documentElement.replaceWith(held.documentElement);
      const style = document.createElement("style");
      style.textContent = `body { font: 14px/1.4 system-ui, sans-serif; margin: 0; }${
        fills ? "html, body { height: 100%; }" : "html { overflow-y: hidden; }"}`;
      document.head.prepend(style);
      const box = document.createElement("div");
      if (!spec.html) document.body.append(box);
      if (!fills) {
        new ResizeObserver(() => tell({ height: document.documentElement.offsetHeight }))
          .observe(document.documentElement);
      }
      load(spec.loads ?? needs);
      await draw[kind](box, spec);
      tell({ state: "drawn", height: document.documentElement.offsetHeight });
    } catch (error) {
      tell({ state: "failed", words: String(error?.message ?? error) });
    }
  }

  // Whether a figure is data alone: whatever a notebook says, a library draws it, and the
  // page's policy lets nothing in it run or load.

  function every(part, test) {
    if (!part || typeof part !== "object") return true;
    return test(part) && Object.values(part).every((it) => every(it, test));
  }
  // Bokeh's models that neither run code nor write HTML or styles.
  const GLYPHS = "AnnularWedge|Annulus|Arc|Bezier|Block|Circle|Ellipse|HArea|HAreaStep|HBar|"
    + "HexTile|Image|ImageRGBA|ImageStack|Line|MultiLine|MultiPolygons|Ngon|Patch|Patches|Quad|"
    + "Quadratic|Ray|Rect|Scatter|Segment|Step|Text|VArea|VAreaStep|VBar|Wedge|HSpan|VSpan|"
    + "HStrip|VStrip";
  const PARTS = "DocumentConfig|Notifications|ImportedStyleSheet|Figure|Plot|GridPlot|Row|"
    + "Column|GridBox|Spacer|Toolbar|ToolProxy|ColumnDataSource|CDSView|AllIndices|AllLabels|NoOverlap|IntersectRenderers|UnionRenderers|"
    + "Selection|(Linear|Log|Categorical|Datetime|Timedelta|Mercator)Axis|Grid|"
    + "(Linear|Log|Categorical|Composite)Scale|Range1d|DataRange1d|FactorRange|"
    + "(Basic|Log|Categorical|Datetime|Timedelta|Mercator|Fixed|Adaptive|Composite|"
    + "SingleInterval|Days|Months|Years|Binned)Ticker|"
    + "(Basic|Mercator|Numeral|Printf|Log|Categorical|Datetime|Timedelta)TickFormatter|"
    + "(Glyph|Graph|Contour)Renderer|StaticLayoutProvider|NodesOnly|EdgesOnly|"
    + "Title|Label|LabelSet|Legend|LegendItem|ColorBar|ContourColorBar|BoxAnnotation|"
    + "BoxInteractionHandles|AreaVisuals|Band|PolyAnnotation|Slope|Span|Whisker|"
    + "(Open|Normal|Tee|Vee)Head|Arrow|Node|"
    + "(Linear|Log|EqHist|Categorical)ColorMapper|Categorical(Marker|Pattern)Mapper|"
    + "Dodge|Jitter|(Linear|Step)Interpolator|CumSum|Stack|"
    + "(Index|Boolean|Group|Inversion|Intersection|Union)Filter|"
    + "(Pan|ClickPan|WheelPan|WheelZoom|BoxZoom|ZoomIn|ZoomOut|BoxSelect|LassoSelect|PolySelect|"
    + "Save|Reset|Tap|Crosshair|Hover|Help|Fullscreen|Undo|Redo|Range)Tool";
  const PLAIN = new RegExp(`^(${GLYPHS}|${PARTS})$`);
  const plain = {
    plotly: () => true,
    mermaid: () => true,
    vega: ({ spec }) => !!spec,
    bokeh: ({ docs_json: documents }) => !JSON.stringify(documents).includes("{safe}")
      && Object.values(documents).every(({ roots }) => Array.isArray(roots))
      && every(documents, (it) => (it.type !== "object" || PLAIN.test(it.name))
        // Texts with tags are written as HTML.
        && typeof it.tooltips !== "string"),
  };

  // What shows frames, within a page or within another frame.

  const embedded = (name, ending) =>
    document.getElementById(`library-${name}-${ending}`)?.textContent;
  function library(name) {
    if (!libraries.has(name)) {
      libraries.set(name, { js: embedded(name, "js"), css: embedded(name, "css") });
    }
    return [name, libraries.get(name)];
  }

  function show(figure) {
    if (figure.dataset.state) return null;
    figure.dataset.state = "drawing";
    const { kind, needs: names } = figure.dataset;
    const needs = (names ?? "").split(" ").filter(Boolean);
    let spec;
    try {
      spec = JSON.parse(figure.dataset.spec);
    } catch (error) {
      return fail(figure, error.message);
    }
    if (plain[kind]?.(spec)) return drawHere(figure, kind, spec, needs);
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.style.cssText = `${spec.style || "width: 100%; height: 150px"}; border: 0; display: block`;
    frame.srcdoc = `<!DOCTYPE html><meta charset="utf-8"><script data-framed>${code}<` + "/script>";
    return new Promise((done) => {
      frame.onload = () => {
        frame.onload = null;
        const held = needs.map(library);
        frame.contentWindow.postMessage({ kind, spec, needs, fills: !!spec.style, held }, "*");
      };
      setTimeout(done, LONGEST_WAIT);
      figure.append(frame);
      frames.set(frame.contentWindow, { figure, frame, fills: !!spec.style, done, heights: 0 });
    });
  }

  async function drawHere(figure, kind, spec, needs) {
    const box = document.createElement("div");
    killLinks(box);
    figure.append(box);
    try {
      needs.map(library);
      load(needs);
      await draw[kind](box, spec);
      figure.dataset.state = "drawn";
    } catch (error) {
      fail(figure, String(error?.message ?? error));
    }
  }

  function fail(figure, words) {
    figure.dataset.state = "failed";
    const said = document.createElement("p");
    said.className = "missing";
    said.textContent = `Not shown: ${String(words).slice(0, 500)}`;
    figure.replaceChildren(said);
  }

  // A frame may say how high it is, and how it went: once, whatever else it says.
  function heard(known, { height, state, words }) {
    const { figure, frame, fills, done } = known;
    if (Number.isFinite(height) && !fills && known.heights < MOST_HEIGHTS) {
      known.heights += 1;
      frame.style.height = `${Math.min(Math.max(height, 0), TALLEST)}px`;
    }
    if (figure.dataset.state !== "drawing") return;
    if (state === "drawn") figure.dataset.state = state;
    if (state === "failed") fail(figure, words);
    if (figure.dataset.state !== "drawing") done();
  }

  window.addEventListener("message", ({ source, data }) => {
    if (page && source === page && Object.hasOwn(draw, data?.kind)) begin(data);
    else if (frames.has(source) && data) heard(frames.get(source), data);
  });

  const roots = () => [document, ...[...document.querySelectorAll(".styled")]
    .map((it) => it.shadowRoot).filter(Boolean)];
  const all = () => roots().flatMap((it) => [...it.querySelectorAll("figure.drawn")]);
  // One after the other, so that the first are there early.
  async function showVisible() {
    for (const it of all().filter((it) => it.offsetParent !== null)) await show(it);
  }
  if (page) return;
  document.addEventListener("DOMContentLoaded", showVisible);
  document.addEventListener("toggle", showVisible, true);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.output").forEach((it) => { it.open = true; });
    all().forEach(show);
  });
})();
