// The report: reads the record embedded in the page and draws it. Every text of a run becomes a text node or the value
// of a harmless attribute, never markup: nothing here parses HTML, and the page's policy would not let it.
"use strict";
(() => {
  const record = JSON.parse(document.getElementById("record").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const CONTEXT = 3; // unchanged lines around a change
  const MOST_BARS = 60; // versions up to which each has its error bar and its parent's score drawn
  const EDGE = 40; // room left and right of the tree
  // how versions of one standing are drawn: a colour (a class of the style) and a shape of its own
  const LOOKS = {
    seed: ["seed", "square"], kept: ["kept", "circle"], not_better: ["lost", "down"], indecisive: ["open", "diamond"],
    failed: ["failed", "cross"], canary_failed: ["failed", "plus"], pending: ["draft", "hexagon"],
    rejected: ["lost", "up"], rolled_back: ["back", "left"], draft: ["draft", "dot"],
  };
  const SHADES = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]]; // cividis

  // -- making elements ------------------------------------------------------------------------------------------------
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    node.append(...children.filter((c) => c !== null && c !== undefined).map((c) => (c instanceof Node ? c : String(c))));
    return node;
  }
  const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  function button(text, attributes, act) {
    const made = el("button", { type: "button", ...attributes }, text);
    made.addEventListener("click", act);
    return made;
  }

  function pairs(rows) {
    const broken = (key) => key.split(/(?<=_)/).flatMap((part) => [part, el("wbr")]); // a long name may break there
    return el("dl", {}, ...rows.flatMap(([key, value]) => [el("dt", {}, ...broken(key)), el("dd", {}, value)]));
  }

  // columns: [heading, class]; a cell is text or an element
  function table(label, columns, rows) {
    const head = el("tr", {}, ...columns.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)));
    const body = rows.map((row) => el("tr", {}, ...row.map((cell, i) => el("td", { class: columns[i][1] }, cell))));
    const made = el("table", {}, el("caption", { class: "unseen" }, label), el("thead", {}, head), el("tbody", {}, ...body));
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, made);
  }

  function section(id, title, ...children) {
    return el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), ...children);
  }

  const known = (value) => value !== null && value !== undefined;
  const number = (value, digits = 4) => (known(value) ? Number(value).toFixed(digits) : "–");
  const signed = (value) => (known(value) ? (value < 0 ? "−" : "+") + Math.abs(value).toFixed(4) : "–");
  const count = (value) => (known(value) ? Number(value).toLocaleString("en") : "–");
  const words = (standing) => String(standing).replaceAll("_", " ");
  const look = (version) => (Object.hasOwn(LOOKS, version.standing) ? LOOKS[version.standing] : ["other", "up"]);
  const scored = (version) => (version.n ? number(version.score) + (known(version.stderr) ? ` ± ${number(version.stderr)}` : "") : "no score");

  // a value of a decision's evidence, which may hold lists and further values
  function plain(value) {
    if (Array.isArray(value)) return value.map(plain).join(" ");
    if (value !== null && typeof value === "object") return Object.entries(value).map(([k, v]) => `${words(k)} ${plain(v)}`).join(", ");
    return typeof value === "number" && !Number.isInteger(value) ? number(value) : String(value);
  }

  // -- shapes and colours ---------------------------------------------------------------------------------------------
  function shape(kind, x, y, r) {
    const at = (...points) => `M${points.map(([px, py]) => `${(x + px * r).toFixed(1)},${(y + py * r).toFixed(1)}`).join("L")}Z`;
    const round = (share) => {
      const reach = (share * r).toFixed(2);
      const half = `a${reach},${reach} 0 0 0`;
      return `M${(x - share * r).toFixed(2)},${y.toFixed(2)}${half} ${2 * reach},0${half} ${-2 * reach},0Z`;
    };
    const plus = [[-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1], [-0.35, 1], [-0.35, 0.35], [-1, 0.35], [-1, -0.35], [-0.35, -0.35]];
    const turned = plus.map(([px, py]) => [(px - py) * 0.72, (px + py) * 0.72]);
    return {
      square: () => at([-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]), circle: () => round(1), dot: () => round(0.6),
      down: () => at([-1, -0.8], [1, -0.8], [0, 1]), up: () => at([-1, 0.8], [1, 0.8], [0, -1]), left: () => at([0.8, -1], [0.8, 1], [-1, 0]),
      diamond: () => at([0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]), plus: () => at(...plus), cross: () => at(...turned),
      hexagon: () => at([-1, 0], [-0.5, -0.87], [0.5, -0.87], [1, 0], [0.5, 0.87], [-0.5, 0.87]),
    }[kind]();
  }

  function shade(share) {
    const place = Math.min(Math.max(share, 0), 1) * (SHADES.length - 1);
    const below = Math.min(Math.floor(place), SHADES.length - 2);
    const mixed = SHADES[below].map((c, i) => Math.round(c + (SHADES[below + 1][i] - c) * (place - below)));
    return `rgb(${mixed.join(",")})`;
  }

  function ticks(low, high, about) {
    const raw = (high - low) / about || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high + step * 1e-6; i += 1) found.push(i * step);
    return found;
  }

  function legend(versions, more) {
    const names = [...new Set(versions.map((v) => v.standing))];
    const items = names.map((name) => {
      const [colour, kind] = look({ standing: name });
      const sign = draw("svg", { width: 14, height: 14, "aria-hidden": "true" }, draw("path", { d: shape(kind, 7, 7, 5), class: colour }));
      return el("li", {}, sign, words(name));
    });
    return el("ul", { class: "legend" }, ...items, ...more);
  }

  // -- texts of versions ----------------------------------------------------------------------------------------------
  function changed(lines, edits) {
    const made = [];
    let at = 0;
    for (const [from, to, put] of edits) {
      made.push(...lines.slice(at, from), ...put);
      at = to;
    }
    return [...made, ...lines.slice(at)];
  }

  // the lines of a text; null if it was left out for its length
  function textOf(sources, sha) {
    const way = [];
    let at = sha;
    while (Object.hasOwn(sources.texts, at) && sources.texts[at].base) {
      way.push(`${sources.texts[at].base} ${at}`);
      at = sources.texts[at].base;
    }
    if (!Object.hasOwn(sources.texts, at) || !sources.texts[at].lines) return null;
    return way.reverse().reduce((lines, pair) => changed(lines, sources.edits[pair]), sources.texts[at].lines);
  }

  // the edits that lie close together, with the lines around them, as [class, text]
  function diffOf(lines, edits) {
    const shown = [];
    let at = 0;
    let shift = 0;
    edits.forEach(([from, to, put], i) => {
      const start = Math.max(at, from - CONTEXT);
      const next = i + 1 < edits.length ? edits[i + 1][0] : lines.length;
      if (!i || start > at) shown.push(["hunk", `@@ from line ${start + 1}, now ${start + 1 + shift} @@`]);
      const end = Math.min(to + CONTEXT, next, lines.length);
      for (const line of lines.slice(start, from)) shown.push(["same", `  ${line}`]);
      for (const line of lines.slice(from, to)) shown.push(["cut", `- ${line}`]);
      for (const line of put) shown.push(["add", `+ ${line}`]);
      for (const line of lines.slice(to, end)) shown.push(["same", `  ${line}`]);
      at = end;
      shift += put.length - (to - from);
    });
    return shown;
  }

  function listing(label, lines, fold = false) {
    const made = lines.map(([kind, text]) => el("span", { class: kind }, text));
    return el("pre", { tabindex: 0, role: "region", "aria-label": label, class: fold ? "fold" : "whole" }, ...made);
  }

  // what is opened is drawn then
  function opened(title, make, open = false) {
    const made = el("details", open ? { open: "" } : {}, el("summary", {}, title));
    let drawn = false;
    const show = () => {
      if (drawn || !made.open) return;
      drawn = true;
      made.append(...make());
    };
    made.addEventListener("toggle", show);
    show();
    return made;
  }

  // -- one run --------------------------------------------------------------------------------------------------------
  class RunPage {
    constructor(run, place) {
      this.run = run;
      this.key = `r${place}`;
      this.chosen = run.best;
      this.byId = new Map(run.versions.map((v) => [v.id, v]));
      this.children = new Map(run.versions.map((v) => [v.id, []]));
      for (const v of run.versions) if (this.children.has(v.parent)) this.children.get(v.parent).push(v.id);
      this.way = new Set();
      for (let at = run.best; this.byId.has(at) && !this.way.has(at); at = this.byId.get(at).parent) this.way.add(at);
      this.heights = this.placed();
      const values = run.versions.filter((v) => v.n).map((v) => v.score);
      this.low = Math.min(...values, Infinity);
      this.high = Math.max(...values, -Infinity);
      this.spacing = 0; // pixels from one birth to the next; 0: as wide as there is room
      this.root = el("div", {});
      this.said = el("p", { class: "unseen", role: "status" });
      this.details = el("div", { class: "version" });
      this.curve = el("div", {});
      this.tree = el("div", { class: "tree" });
      this.root.append(this.summary(), this.curveSection(), this.lineage(), this.decisions(), this.costs(), this.controls(), this.incidents(), this.card(), this.replay());
      this.showVersion();
    }

    // leaves count 0, 1, 2, ... depth first; others lie at the mean of their leaves
    placed() {
      const order = [];
      const stack = this.run.versions.filter((v) => !this.byId.has(v.parent)).map((v) => v.id).reverse();
      while (stack.length) {
        const at = stack.pop();
        order.push(at);
        stack.push(...[...this.children.get(at)].reverse());
      }
      const sums = new Map(order.map((id) => [id, [0, 0]]));
      let leaf = 0;
      for (const id of order) if (!this.children.get(id).length) sums.set(id, [leaf++, 1]);
      for (const id of [...order].reverse()) {
        const above = sums.get(this.byId.get(id).parent);
        if (!above) continue;
        above[0] += sums.get(id)[0];
        above[1] += sums.get(id)[1];
      }
      this.leaves = leaf;
      return new Map(order.map((id) => [id, sums.get(id)[0] / sums.get(id)[1]]));
    }

    summary() {
      const block = Object.fromEntries(this.run.block);
      const best = this.byId.get(this.run.best);
      const figures = [
        known(best.test) ? [`${block.seed_test_utility} → ${block.best_test_utility}`, `${this.run.measure} on test, seed → version ${best.id}`] : ["not measured", `${this.run.measure} on test`],
        [`${block.kept} of ${this.run.versions.length - 1}`, "children kept"],
        [count(block.llm_calls), "replies asked for, as if none had been known"],
        [block.usd, "dollars really spent"],
        [block.incidents, "incidents"],
        [String(block.seal).split(":")[0], "seal"],
      ];
      const tiles = el("div", { class: "tiles" }, ...figures.map(([value, what]) => el("div", { class: "tile" }, el("b", {}, value), el("span", {}, what))));
      return section(`${this.key}-summary`, "Summary", tiles, pairs(this.run.block));
    }

    // -- the curve ----------------------------------------------------------------------------------------------------
    curveSection() {
      const tested = this.run.versions.filter((v) => known(v.test)).map((v) => `${v.id ? `version ${v.id}` : "the seed"} ${number(v.test)}`);
      const many = this.run.versions.length > MOST_BARS;
      const caption = `${this.run.measure} on val of every version at its step; each step has a val block of its own, so compare a version with its parent on that block, not across steps. The line is the current version on the block of each step. ` +
        (many ? "Standard errors and the parent's score on the same block are in a version's details. " : "Bars: one standard error. Rings: the parent on the same block. ") +
        (tested.length ? `On test: ${tested.join(", ")}.` : "Test was not looked at.");
      const figure = el("figure", {}, this.curve, legend(this.run.versions, []), el("figcaption", {}, caption));
      return section(`${this.key}-curve`, "Curve", figure);
    }

    drawCurve() {
      const versions = this.run.versions;
      const wide = Math.max(this.curve.clientWidth, 280);
      const high = wide < 560 ? 260 : 360;
      const [left, right, top, bottom] = [46, 14, 12, 40];
      const several = versions.length <= MOST_BARS;
      const reach = versions.filter((v) => v.n).flatMap((v) => [
        v.score + (several ? v.stderr ?? 0 : 0), v.score - (several ? v.stderr ?? 0 : 0), ...(known(v.rival) ? [v.rival] : []), ...(known(v.test) ? [v.test] : []),
      ]);
      let [low, most] = reach.length ? [Math.min(...reach), Math.max(...reach)] : [0, 1];
      if (most - low < 0.02) [low, most] = [low - 0.05, most + 0.05];
      const last = Math.max(...versions.map((v) => v.step), 1);
      const x = (step) => left + ((step + 0.5) / (last + 1)) * (wide - left - right);
      const floor = high - bottom - 14; // below it lies what has no score
      const y = (value) => top + 8 + ((most - value) / (most - low)) * (floor - top - 16);
      const r = Math.min(Math.max((wide - left) / (last + 1) / 2.6, wide < 560 ? 1.8 : 2.4), 6.5);
      const label = `${this.run.measure} on val by step, ${versions.length} versions; the table of decisions has every value`;
      const svg = draw("svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label });
      for (const value of ticks(low, most, high / 60)) {
        svg.append(draw("line", { class: "axis", x1: left, x2: wide - right, y1: y(value), y2: y(value) }), draw("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, String(+value.toFixed(4))));
      }
      for (const step of ticks(0, last, wide / 90).filter(Number.isInteger)) svg.append(draw("text", { x: x(step), y: high - bottom + 16, "text-anchor": "middle" }, step));
      svg.append(draw("text", { x: (left + wide - right) / 2, y: high - 6, "text-anchor": "middle", class: "strong" }, "step"));
      const stood = versions.filter((v) => v.n && (["seed", "kept"].includes(v.standing) || known(v.rival)));
      const line = stood.map((v) => `${x(v.step).toFixed(1)},${y(["seed", "kept"].includes(v.standing) ? v.score : v.rival).toFixed(1)}`);
      if (line.length > 1) svg.append(draw("polyline", { class: several ? "current" : "current thin", points: line.join(" ") }));
      for (const v of several ? versions : []) {
        if (!v.n) continue;
        if (known(v.rival)) svg.append(draw("circle", { class: "rival", cx: x(v.step), cy: y(v.rival), r: r + 2.5 }));
        if (v.stderr) svg.append(draw("line", { class: "bars", x1: x(v.step), x2: x(v.step), y1: y(v.score - v.stderr), y2: y(v.score + v.stderr) }));
      }
      const where = (v) => [x(v.step), v.n ? y(v.score) : high - bottom - 5];
      // what was kept is drawn last, on top
      for (const v of [...versions].sort((a, b) => this.weight(a) - this.weight(b))) {
        const [colour, kind] = look(v);
        svg.append(draw("path", { class: colour, d: shape(kind, ...where(v), this.weight(v) ? Math.max(r, 4) : r) }));
      }
      this.ringAt(svg, where(this.byId.get(this.chosen)), r + 4);
      this.pointed(svg, where);
      this.curve.replaceChildren(svg);
    }

    weight(version) {
      return ["seed", "kept"].includes(version.standing) ? 1 : 0;
    }

    ringAt(svg, [x, y], r) {
      svg.append(draw("circle", { class: "ring", cx: x, cy: y, r }));
    }

    // -- the lineage --------------------------------------------------------------------------------------------------
    lineage() {
      const bar = el("div", { class: "bar" },
        button("Whole", {}, () => this.zoom(0)), button("Larger", {}, () => this.zoom(1.6)), button("Smaller", {}, () => this.zoom(1 / 1.6)),
        button("Best version", {}, () => this.choose(this.run.best, true)),
        el("span", { class: "soft" }, "Click a version, or use the arrow keys: ← → by birth, ↑ parent, ↓ first child."));
      const steps = [0, 0.2, 0.4, 0.6, 0.8, 1].map((share, i) => draw("rect", { x: i * 16, y: 0, width: 16, height: 12, fill: shade(share) }));
      const scale = draw("svg", { width: 96, height: 12, "aria-hidden": "true" }, ...steps);
      const range = Number.isFinite(this.low) ? [el("li", {}, number(this.low, 2), scale, `${number(this.high, 2)} ${this.run.measure} on val`)] : [];
      this.tree.setAttribute("role", "listbox");
      this.tree.setAttribute("tabindex", "0");
      this.tree.setAttribute("aria-label", "Lineage: versions by order of birth");
      this.tree.addEventListener("keydown", (event) => this.key_(event));
      const how = "From left to right: order of birth; lines lead from parent to child. The heavy line is the ancestry of the best version.";
      const signs = legend(this.run.versions, range);
      return section(`${this.key}-lineage`, "Lineage", bar, this.tree, signs, el("p", { class: "note" }, how), this.said, this.details);
    }

    zoom(factor) {
      const whole = this.wholeSpacing();
      const now = this.spacing || this.usualSpacing();
      this.spacing = Math.min(factor ? Math.max(now * factor, whole) : whole, 170);
      this.drawTree();
      this.reveal();
    }

    wholeSpacing() {
      return (Math.max(this.tree.clientWidth, 280) - 2 * EDGE) / Math.max(this.run.versions.length - 1, 1);
    }

    // as wide as there is room, but not so wide that few versions lie far apart
    usualSpacing() {
      return Math.min(Math.max(this.wholeSpacing(), this.leastSpacing()), 170);
    }

    leastSpacing() {
      return this.tree.clientWidth < 700 ? 7 : 2;
    }

    drawTree() {
      const versions = this.run.versions;
      const spacing = this.spacing || this.usualSpacing();
      const wide = Math.max(this.tree.clientWidth - 2, 2 * EDGE + spacing * (versions.length - 1));
      const lane = Math.min(Math.max(420 / Math.max(this.leaves, 1), 1), 46);
      const high = Math.max(110, 76 + lane * Math.max(this.leaves - 1, 0));
      const r = Math.min(Math.max(spacing * 0.42, 3.4), 9);
      const order = new Map(versions.map((v, i) => [v.id, i]));
      const where = (v) => [EDGE + spacing * order.get(v.id), 34 + lane * this.heights.get(v.id)];
      this.where = where;
      const svg = draw("svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "presentation" });
      const edges = versions.filter((v) => this.byId.has(v.parent)).sort((a, b) => this.depth(a) - this.depth(b));
      for (const v of edges) {
        const [[x1, y1], [x2, y2]] = [where(this.byId.get(v.parent)), where(v)];
        const bend = Math.min((x2 - x1) / 2, 60);
        const kind = this.way.has(v.id) ? "edge way" : v.standing === "kept" ? "edge kept" : "edge";
        svg.append(draw("path", { class: kind, d: `M${x1},${y1.toFixed(1)}C${x1 + bend},${y1.toFixed(1)} ${x2 - bend},${y2.toFixed(1)} ${x2},${y2.toFixed(1)}` }));
      }
      for (const v of [...versions].sort((a, b) => this.depth(a) - this.depth(b))) svg.append(this.node(v, where(v), r));
      this.label(svg, where, spacing, r);
      this.ringAt(svg, where(this.byId.get(this.chosen)), r + 4);
      this.pointed(svg, where);
      this.tree.replaceChildren(svg);
      this.tree.setAttribute("aria-activedescendant", `${this.key}-v${this.chosen}`);
    }

    depth(version) {
      return (this.way.has(version.id) ? 2 : 0) + this.weight(version);
    }

    node(v, [x, y], r) {
      const [colour, kind] = look(v);
      const about = `version ${v.id}, ${words(v.standing)}, ${scored(v)}${known(v.parent) ? `, parent ${v.parent}` : ""}`;
      const size = this.weight(v) ? r * 1.15 : r;
      const node = draw("path", { class: v.n ? "node" : `node ${colour}`, d: shape(kind, x, y, size), id: `${this.key}-v${v.id}`, role: "option", "aria-selected": v.id === this.chosen, "aria-label": about });
      if (v.n) node.setAttribute("fill", shade(this.high > this.low ? (v.score - this.low) / (this.high - this.low) : 1));
      return node;
    }

    // numbers under versions, the ancestry of the best first, as long as they do not touch
    label(svg, where, spacing, r) {
      const taken = [];
      for (const v of [...this.run.versions].sort((a, b) => this.depth(b) - this.depth(a) || (b.id === this.run.best) - (a.id === this.run.best) || a.id - b.id)) {
        if (spacing < 16 && this.depth(v) < 2) continue;
        const [x, y] = where(v);
        const text = spacing >= 58 && v.n ? `${v.id}: ${number(v.score, 3)}` : String(v.id);
        const half = text.length * 3.6 + 2;
        const box = [x - half, y + r + 3, x + half, y + r + 18];
        if (taken.some((t) => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3])) continue;
        if (this.run.versions.some((o) => o !== v && this.inside(where(o), box, r))) continue;
        taken.push(box);
        svg.append(draw("text", { x, y: y + r + 15, "text-anchor": "middle", class: this.way.has(v.id) ? "strong" : "soft" }, text));
      }
    }

    inside([x, y], box, r) {
      return x + r > box[0] && x - r < box[2] && y + r > box[1] && y - r < box[3];
    }

    key_(event) {
      const ids = this.run.versions.map((v) => v.id);
      const at = ids.indexOf(this.chosen);
      const next = {
        ArrowLeft: ids[Math.max(at - 1, 0)], ArrowRight: ids[Math.min(at + 1, ids.length - 1)], Home: ids[0], End: ids[ids.length - 1],
        ArrowUp: this.byId.get(this.chosen).parent, ArrowDown: this.children.get(this.chosen)[0],
      };
      if (!Object.hasOwn(next, event.key)) return;
      event.preventDefault();
      if (this.byId.has(next[event.key])) this.choose(next[event.key], true);
    }

    // the version nearest to the pointer is named, and chosen by a click
    pointed(svg, where) {
      const nearest = (event) => {
        const box = svg.getBoundingClientRect();
        const [x, y] = [event.clientX - box.left, event.clientY - box.top];
        const far = (v) => Math.hypot(where(v)[0] - x, where(v)[1] - y);
        const found = this.run.versions.reduce((a, b) => (far(b) < far(a) ? b : a));
        return far(found) < 24 ? found : null;
      };
      svg.addEventListener("pointermove", (event) => hint(event, nearest(event)));
      svg.addEventListener("pointerleave", () => hint(null, null));
      svg.addEventListener("click", (event) => {
        const found = nearest(event);
        if (found) this.choose(found.id, false);
      });
    }

    reveal() {
      const [x, y] = this.where(this.byId.get(this.chosen));
      const { clientWidth: wide, clientHeight: high } = this.tree;
      if (x < this.tree.scrollLeft + 40 || x > this.tree.scrollLeft + wide - 40) this.tree.scrollLeft = x - wide / 2;
      if (y < this.tree.scrollTop + 30 || y > this.tree.scrollTop + high - 30) this.tree.scrollTop = y - high / 2;
    }

    choose(id, reveal) {
      this.chosen = id;
      this.drawTree();
      this.drawCurve();
      if (reveal) this.reveal();
      this.showVersion();
      for (const row of this.rows) row.node.setAttribute("aria-current", row.id === id);
      const v = this.byId.get(id);
      this.said.textContent = `version ${id}, ${words(v.standing)}, ${scored(v)}`;
      history.replaceState(null, "", `#${this.key}-v${id}`);
    }

    // -- one version --------------------------------------------------------------------------------------------------
    showVersion() {
      const v = this.byId.get(this.chosen);
      const above = this.byId.get(v.parent);
      const parent = above ? button(`version ${above.id}`, { class: "id" }, () => this.choose(above.id, true)) : "none: the first version";
      const below = this.children.get(v.id).map((id) => button(String(id), { class: "id" }, () => this.choose(id, true)));
      const facts = [
        ["standing", words(v.standing)], ["parent", parent],
        ["children", below.length ? el("span", { class: "bar" }, ...below.slice(0, 40), below.length > 40 ? `and ${below.length - 40} more` : "") : "none"],
        ["born", `step ${v.step}, generation ${v.generation}, text ${v.sha}`],
        [`${this.run.measure} on val`, v.n ? `${scored(v)} (n=${v.n} improver runs)${known(v.rival) ? `; what it was compared with, on the same block: ${number(v.rival)}` : ""}` : "no score"],
        ...(known(v.test) ? [[`${this.run.measure} on test`, number(v.test)]] : []),
        ["cost of its step", `${count(v.calls)} calls, ${count(v.tokens)} tokens, ${number(v.usd)} usd as if nothing had been known${known(v.seconds) ? `; ${number(v.seconds, 1)} s really passed` : ""}`],
        ...(v.detail ? [["detail", v.detail]] : []),
        ...this.run.decisions.filter((d) => d.id === v.id).map((d) => [`decision (${words(d.rule)})`, `${words(d.verdict)}: ${d.why}`]),
      ];
      this.details.replaceChildren(el("h3", {}, `Version ${v.id}`), pairs(facts), this.diff(v), this.source(v), this.outcomes(v), this.asked(v));
    }

    diff(v) {
      if (!this.byId.has(v.parent)) return null;
      const title = `Diff to its parent, version ${v.parent}`;
      return opened(title, () => {
        if (v.sha === v.parent_sha) return [el("p", { class: "note" }, "No difference: the text is that of its parent.")];
        const edits = this.run.sources.edits[`${v.parent_sha} ${v.sha}`];
        const lines = textOf(this.run.sources, v.parent_sha);
        if (!edits || !lines) return [this.leftOut(v)];
        return [listing(title, diffOf(lines, edits))];
      }, true);
    }

    source(v) {
      return opened("Source", () => {
        const lines = textOf(this.run.sources, v.sha);
        if (!lines) return [this.leftOut(v)];
        if (lines.length === 1 && !lines[0].trim()) return [el("p", { class: "note" }, `No text: ${v.detail || "its parent returned none"}.`)];
        return [listing(`Source of version ${v.id}`, lines.map((line) => ["same", line]))];
      }, !this.byId.has(v.parent));
    }

    leftOut(v) {
      return el("p", { class: "note" }, `Left out to keep this file small: sources/${v.sha}.py in the run folder has it.`);
    }

    outcomes(v) {
      const at = Object.fromEntries(this.run.outcomes.columns.map((name, i) => [name, i]));
      const mine = this.run.outcomes.rows.filter((row) => row[at.version] === v.id);
      return opened(`Outcomes: ${mine.length} improver runs`, () => {
        if (!mine.length) return [el("p", { class: "note" }, "None: it was not run.")];
        const columns = [["split", "short"], ["block", "number"], ["task", "short"], ["repeat", "number"], ["utility", "number"], ["seed solution", "number"], ["gain", "number"], ["calls", "number"], ["status", "short"], ["solution", "short"], ["what went wrong", "wide"]];
        const rows = mine.map((row) => [
          row[at.split], row[at.block], row[at.task], row[at.repeat], number(row[at.utility]), number(row[at.seed_utility]), signed(known(row[at.utility]) && known(row[at.seed_utility]) ? row[at.utility] - row[at.seed_utility] : null),
          count(row[at.llm_calls]), row[at.status], row[at.solution], row[at.trouble] || "–",
        ]);
        return [el("p", { class: "note" }, "Each is this version improving a task's seed solution once. Blocks other than its own are those on which a child was compared with it, or canaries."), table(`Improver runs of version ${v.id}`, columns, rows)];
      });
    }

    asked(v) {
      const unit = Object.hasOwn(this.run.exchanges.units, v.unit) ? this.run.exchanges.units[v.unit] : { asked: 0, shown: [] };
      const texts = this.run.exchanges.texts;
      return opened(`Prompts and replies of its step: ${unit.shown.length} of ${count(unit.asked)} new ones`, () => {
        const part = (name, text) => [el("p", { class: "note" }, name), listing(name, text.split("\n").map((line) => ["same", line]), true)];
        const about = "What the step asked that no earlier step had: for the rewrite itself, and in improver runs on train and val. calls.jsonl in the run folder has all of them. Those to prompts that hold the parent's text come first.";
        return [el("p", { class: "note" }, about), ...unit.shown.map((call, i) => opened(
          `${i + 1}. ${texts[call.reply].trim().split("\n")[0].slice(0, 90) || "empty reply"}`,
          () => [
            el("p", { class: "note" }, `temperature ${call.temperature}, tokens ${call.tokens.map(count).join(" in, ")} out, ended: ${call.ended}`),
            ...part("system", texts[call.system]), ...call.messages.flatMap(([role, place]) => part(role, texts[place])), ...part("reply", texts[call.reply]),
          ]))];
      });
    }

    // -- tables -------------------------------------------------------------------------------------------------------
    decisions() {
      const columns = [["version", "number"], ["step", "number"], ["rule", "short"], ["verdict", "short"], ["n", "number"], ["level", "number"], ["val block", "number"], ["evidence", "wide"], ["why", "wide"], ["who", "short"]];
      const rows = this.run.decisions.map((d) => [
        button(String(d.id), { class: "id", "aria-label": `show version ${d.id}` }, () => { this.choose(d.id, true); this.tree.scrollIntoView({ block: "center" }); this.tree.focus(); }),
        d.step, words(d.rule), words(d.verdict), d.n, known(d.level) ? number(d.level) : "–", d.block,
        Object.entries(d.evidence ?? {}).map(([k, v]) => `${words(k)} ${plain(v)}`).join(", ") || "–", d.why ?? "–", d.who ?? "–",
      ]);
      const made = table("Decisions with their evidence", columns, rows);
      this.rows = [...made.querySelectorAll("tbody tr")].map((node, i) => ({ node, id: this.run.decisions[i].id, verdict: this.run.decisions[i].verdict }));
      const names = [...new Set(this.rows.map((row) => row.verdict))];
      const filter = el("select", {}, el("option", { value: "" }, "all"), ...names.map((name, i) => el("option", { value: i + 1 }, words(name))));
      filter.addEventListener("change", () => {
        for (const row of this.rows) row.node.hidden = filter.value !== "" && row.verdict !== names[filter.value - 1];
      });
      return section(`${this.key}-decisions`, "Decisions", el("div", { class: "bar" }, el("label", {}, "verdict: ", filter)), made,
        el("p", { class: "note" }, "A version's standing is its last decision. The unit of evidence is one improver run (task × repeat)."));
    }

    costs() {
      const { nominal, really, priced } = this.run.costs;
      const columns = [["", "short"], ["calls", "number"], ["tokens in", "number"], ["tokens out", "number"], ["dollars", "number"]];
      const rows = nominal.map(([name, calls, into, out, usd]) => [name, count(calls), count(into), count(out), priced ? number(usd) : "unknown"]);
      return section(`${this.key}-costs`, "Costs", el("h3", {}, "As if nothing had been known"), table("Nominal costs", columns, rows), el("h3", {}, "Really spent"), pairs(really));
    }

    controls() {
      const { arm, lacks, like, commands } = this.run.control;
      const said = arm
        ? `This run is the control ${arm}${like ? ` of ${like}` : ""}. It lacks ${lacks || "something that this version of stop does not know"}.`
        : "This run is no control. A gain counts beside runs that lack one thing and may ask for as many calls" + (record.runs.length > 1 ? ": see the runs beside each other." : commands.length ? ". No other run is in this report; to put controls beside it:" : ".");
      const shown = record.runs.length > 1 ? [] : commands;
      const beside = record.runs.length > 1 ? [] : comparison();
      return section(`${this.key}-controls`, "Controls", el("p", {}, said), ...shown.map((c) => el("p", {}, el("code", {}, c))), ...beside);
    }

    incidents() {
      const { total, columns, rows } = this.run.incidents;
      const shown = total
        ? [el("p", {}, total > rows.length ? `${total}, of which the first ${rows.length}:` : `${total}:`), table("Incidents", columns.map((c) => [c, c === "detail" ? "wide" : "short"]), rows)]
        : [el("p", {}, "None: no output was refused by a scorer, and no score was above the proved best.")];
      return section(`${this.key}-incidents`, "Incidents", ...shown);
    }

    card() {
      const parts = this.run.card.flatMap(({ title, rows }) => [el("h3", {}, title), pairs(rows)]);
      return section(`${this.key}-card`, "Card", ...parts);
    }

    replay() {
      const lines = this.run.replay.flatMap(([command, what]) => [el("dt", {}, el("code", {}, command)), el("dd", {}, what)]);
      return section(`${this.key}-replay`, "How to replay", el("dl", { class: "stacked" }, ...lines), el("p", { class: "note" }, "The seal shows accidents and careless edits of the records, not a forger; this file is derived from them and not sealed."));
    }

    redraw() {
      this.drawCurve();
      this.drawTree();
    }
  }

  // -- the page -------------------------------------------------------------------------------------------------------
  const pointer = el("div", { class: "hint", "aria-hidden": "true" });
  pointer.hidden = true;

  function hint(event, version) {
    pointer.hidden = !version;
    if (!version) return;
    const cost = `${count(version.calls)} calls${version.usd ? `, ${number(version.usd)} usd` : ""}`;
    pointer.replaceChildren(el("b", {}, `Version ${version.id}: ${words(version.standing)}`), el("br"), scored(version), el("br"), cost, ...(version.detail ? [el("br"), version.detail.slice(0, 120)] : []));
    pointer.style.left = `${Math.max(Math.min(event.clientX + 14, innerWidth - pointer.offsetWidth - 12), 4)}px`;
    pointer.style.top = `${Math.max(Math.min(event.clientY + 14, innerHeight - pointer.offsetHeight - 12), 4)}px`;
  }

  function comparison() {
    const { tables, notes } = record.compared;
    const wide = ["run", "first", "minus", "verdict", "verdict by Holm"];
    const made = tables.filter((t) => t.rows.length).map((t, i) => table(i ? "Pairs of runs" : "Runs", t.columns.map((c) => [c, wide.includes(c) ? "wide" : "short"]), t.rows));
    return [...made, ...notes.map((line) => el("p", { class: "note" }, line))];
  }

  const pages = record.runs.map((run, place) => new RunPage(run, place));
  const SECTIONS = ["summary", "curve", "lineage", "decisions", "costs", "controls", "incidents", "card", "replay"];
  const title = el("h1", {});
  const about = el("p", { class: "soft" });
  const links = el("nav", { "aria-label": "Parts of the report" });
  const main = el("main", {});
  let current = pages[0];

  function show(page) {
    current = page;
    const { run } = page;
    document.title = `${run.name} – report of stop`;
    title.textContent = run.name;
    about.textContent = run.about;
    links.replaceChildren(...SECTIONS.map((s) => el("a", { href: `#${page.key}-${s}` }, s === "replay" ? "how to replay" : s)));
    main.replaceChildren(...(pages.length > 1 ? [section("beside", "Runs beside each other", ...comparison(), chooser())] : []), page.root);
    page.redraw();
    page.reveal();
  }

  function chooser() {
    return el("div", { class: "bar", role: "group", "aria-label": "Run that is shown below" },
      ...pages.map((p) => button(p.run.name, { "aria-pressed": p === current }, () => show(p))));
  }

  // #r0-v12 names a version of a run
  function followed() {
    const named = /^#r(\d+)-v(\d+)$/.exec(location.hash);
    if (!named || !pages[+named[1]]) return;
    const page = pages[+named[1]];
    if (page !== current) show(page);
    if (page.byId.has(+named[2])) page.choose(+named[2], true);
  }

  document.body.append(el("header", {}, title, about, links), main, pointer);
  show(current);
  followed();
  addEventListener("hashchange", followed);
  addEventListener("resize", () => current.redraw());
  addEventListener("beforeprint", () => current.zoom(0));
})();
