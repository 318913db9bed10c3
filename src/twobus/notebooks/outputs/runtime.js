// Draws the figures of this page, each when it is first seen, with nothing but what the
// page holds. A page in a frame within this page finds its libraries here, too.
window.drawn = (() => {
  "use strict";
  const loaded = new WeakMap();
  let diagrams = 0;
  const embedded = (name, ending) =>
    document.getElementById(`library-${name}-${ending}`)?.textContent;

  // Start libraries in a window, each once.
  function load(place, names) {
    if (!loaded.has(place)) loaded.set(place, new Set());
    for (const name of names.filter((it) => !loaded.get(place).has(it))) {
      loaded.get(place).add(name);
      const [script, style] = [embedded(name, "js"), embedded(name, "css")];
      if (style) {
        const tag = place.document.createElement("style");
        tag.textContent = style;
        place.document.head.append(tag);
      }
      if (script) {
        const tag = place.document.createElement("script");
        tag.textContent = script;
        place.document.head.append(tag);
        tag.remove();
      }
    }
  }
  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));

  const draw = {
    async plotly(box, { data, layout, config, frames }) {
      const settings = { responsive: true, ...config, displaylogo: false };
      await Plotly.newPlot(box, data, layout, settings);
      if (frames?.length) await Plotly.addFrames(box, frames);
    },
    async vega(box, { spec, options }) {
      // Nothing may come from elsewhere: what is not in the page is an error that shows.
      const loader = vega.loader();
      loader.load = async (url) => { throw new Error(`${url} is not in this page`); };
      const settings = { actions: false, renderer: "svg", ...options, loader };
      await vegaEmbed(box, spec, settings);
    },
    async bokeh(box, { docs_json, render_items }) {
      for (const item of render_items) {
        delete item.notebook_comms_target;
        for (const [root, id] of Object.entries(item.roots)) {
          const place = document.createElement("div");
          // A notebook may hold an empty element of the same id.
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
      diagrams += 1;
      box.innerHTML = (await mermaid.render(`diagram-${diagrams}`, text)).svg;
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
      const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
      const code = await import(url);
      const widget = typeof code.default === "function" ? await code.default() : code.default;
      await widget?.initialize?.({ model });
      await (widget ?? code).render({ model, el: box });
    },
  };

  async function show(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "drawing";
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const box = document.createElement("div");
    figure.append(box);
    try {
      load(window, figure.dataset.needs.split(" ").filter(Boolean));
      await draw[figure.dataset.kind](box, spec);
      figure.dataset.state = "drawn";
    } catch (error) {
      figure.dataset.state = "failed";
      box.className = "missing";
      box.textContent = `Not shown: ${error.message}`;
    }
  }
  const all = () => [...document.querySelectorAll("figure.drawn")];
  const showVisible = () => all().filter((it) => it.offsetParent !== null).forEach(show);

  document.addEventListener("DOMContentLoaded", showVisible);
  document.addEventListener("toggle", showVisible, true);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.output").forEach((it) => { it.open = true; });
    all().forEach(show);
  });
  return { load };
})();
