// The manual: draws /openapi.json, which it asks of the server it came from and of nobody else.
"use strict";

const WORDS = {
  tr: { filter: "Ara: yol, ad ya da sözcük", parameters: "Parametreler", body: "İstek gövdesi", responses: "Yanıtlar", fields: "Alanlar",
    example: "Örnek", must: "zorunlu", try_it: "Dene", send: "Gönder", headers: "Başlıklar", nothing: "Buna uyan bir şey yok.",
    failed: "Belge alınamadı: {0}", curl: "Komut satırından", loading: "Yükleniyor…", default: "diğer", standard: "yoksa",
    tags: { auth: "Hesaplar", bots: "Botlar", history: "Geçmiş", markets: "Piyasalar", keys: "Borsa anahtarları", admin: "Yönetim",
      server: "Sunucu" } },
  en: { filter: "Search: path, name or word", parameters: "Parameters", body: "Request body", responses: "Answers", fields: "Fields",
    example: "Example", must: "required", try_it: "Try it", send: "Send", headers: "Headers", nothing: "Nothing fits that.",
    failed: "The document did not come: {0}", curl: "From the command line", loading: "Loading…", default: "others", standard: "else",
    tags: { auth: "Accounts", bots: "Bots", history: "History", markets: "Markets", keys: "Exchange keys", admin: "Administration",
      server: "Server" } },
};
const DEPTH_MAX = 6; // of fields in fields
const SHOWN_MAX = 20000; // characters of an answer

let language = localStorage.getItem("language") || (navigator.language.startsWith("tr") ? "tr" : "en");
let words = WORDS[language] || WORDS.en;
let manual = null;

const $ = (id) => document.getElementById(id);
const pretty = (value) => JSON.stringify(value, null, 2);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((one) => one !== null));
  return element;
}

// ---- schemas

const nameOf = (schema) => (schema.$ref || "").split("/").pop();
const resolve = (schema) => (schema && schema.$ref ? { ...manual.components.schemas[nameOf(schema)], ...schema } : schema || {});

// Members of all parts, one beside the other.
function whole(schema) {
  const own = resolve(schema);
  return (own.allOf || []).map(whole).reduce((all, part) => ({ ...all, ...part,
    properties: { ...all.properties, ...part.properties }, required: [...(all.required || []), ...(part.required || [])] }), own);
}

function kind(schema) {
  const own = whole(schema);
  const told = [];
  if (own.const !== undefined) told.push(pretty(own.const));
  else if (own.enum) told.push(own.enum.map((one) => JSON.stringify(one)).join(" | "));
  else if (own.type === "array") told.push(`${kind(own.items)} []`);
  else told.push([own.type || "any"].flat().join(" | "));
  if (own.format) told.push(own.format);
  if (own.minimum !== undefined || own.maximum !== undefined) told.push(`${own.minimum ?? "…"} – ${own.maximum ?? "…"}`);
  if (own.minLength !== undefined || own.maxLength !== undefined) told.push(`${own.minLength ?? 0} – ${own.maxLength ?? "…"} ⟨a⟩`);
  if (own.pattern) told.push(own.pattern);
  if (own.default !== undefined) told.push(`${words.standard} ${JSON.stringify(own.default)}`);
  return told.join(", ");
}

function fields(schema, depth = 0) {
  let own = whole(schema);
  while (own.type === "array") own = whole(own.items);
  const rows = Object.entries(own.properties || {}).map(([name, one]) => make("li", {},
    make("code", {}, name), " ", make("span", { class: "quiet" }, kind(one)),
    (own.required || []).includes(name) ? make("span", { class: "must" }, ` ${words.must}`) : null,
    resolve(one).description ? make("span", {}, ` ${resolve(one).description}`) : null,
    depth < DEPTH_MAX ? fields(one, depth + 1) : null));
  return rows.length ? make("ul", { class: "fields" }, ...rows) : null;
}

function drawSchema(schema) {
  const own = whole(schema), list = fields(schema), example = (own.examples || [])[0];
  return [list ? make("h3", {}, words.fields) : null, list,
    example === undefined ? null : make("h3", {}, words.example),
    example === undefined ? null : make("pre", {}, typeof example === "string" ? example : pretty(example))];
}

// ---- operations

function parameters(list) {
  const rows = list.map((one) => make("tr", {}, make("td", {}, make("code", {}, one.name)), make("td", {}, one.in),
    make("td", {}, kind(one.schema)), make("td", { class: "must" }, one.required ? words.must : "")));
  return rows.length ? [make("h3", {}, words.parameters), make("table", {}, ...rows)] : [];
}

function responses(told) {
  const rows = Object.entries(told).map(([status, one]) => make("tr", {},
    make("td", {}, make("code", {}, status === "default" ? words.default : status)),
    make("td", { class: "words" }, one.description,
      make("span", { class: "quiet" }, ["", ...Object.keys(one.content || {})].join("\n")))));
  const good = Object.values(told).find((one) => (one.content || {})["application/json"]);
  return [make("h3", {}, words.responses), make("table", {}, ...rows),
    ...(good ? drawSchema(good.content["application/json"].schema) : [])];
}

function curl(path, method, operation) {
  const lines = [`curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} '${location.origin}${path}'`];
  if (operation.security.length) lines.push("  -H 'Authorization: Bearer …'");
  if (operation.requestBody && operation.requestBody.required) {
    const example = whole(operation.requestBody.content["application/json"].schema).examples;
    lines.push("  -H 'Content-Type: application/json'", `  -d '${JSON.stringify(example ? example[0] : {})}'`);
  }
  return [make("h3", {}, words.curl), make("pre", {}, lines.join(" \\\n"))];
}

async function attempt(path, list, form, shown) {
  let target = path;
  const query = new URLSearchParams();
  for (const one of list) {
    const value = form.elements[one.name].value;
    if (one.in === "path") target = target.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (value !== "") query.set(one.name, value);
  }
  shown.hidden = false;
  shown.textContent = words.loading;
  try {
    const answer = await fetch(target + (query.size ? `?${query}` : ""), { headers: { "Accept-Language": language } });
    const text = await answer.text();
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    shown.textContent = `${answer.status} ${answer.headers.get("X-Request-Id") || ""}\n`
      + (isJson ? pretty(JSON.parse(text)) : text).slice(0, SHOWN_MAX);
  } catch (error) {
    shown.textContent = words.failed.replace("{0}", error.message);
  }
}

function tryIt(path, list) {
  const asked = list.filter((one) => one.in !== "header");
  const inputs = asked.map((one) => make("label", {}, one.name,
    make("input", { name: one.name, autocomplete: "off", value: one.in === "path" && one.name === "venue" ? "sim" : "",
      ...(one.required ? { required: "" } : {}) })));
  const shown = make("pre", { hidden: "" });
  const form = make("form", {}, ...inputs, make("button", { type: "submit" }, words.send));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(path, asked, form, shown);
  });
  return [make("h3", {}, words.try_it), form, shown];
}

// What is inside is drawn when it is opened first.
function operation(path, method, told) {
  const body = make("div");
  const one = make("details", { class: "operation", id: told.operationId },
    make("summary", {}, make("span", { class: `method ${method}` }, method.toUpperCase()),
      make("span", { class: "path" }, path), make("span", { class: "quiet" }, told.summary)), body);
  one.addEventListener("toggle", () => {
    if (!one.open || body.childNodes.length) return;
    body.append(make("p", {}, told.description), ...parameters(told.parameters));
    if (told.requestBody)
      body.append(make("h3", {}, words.body), ...drawSchema(told.requestBody.content["application/json"].schema).filter(Boolean));
    body.append(...[...responses(told.responses), ...curl(path, method, told),
      ...(method === "get" ? tryIt(path, told.parameters) : [])].filter(Boolean));
  });
  return one;
}

// ---- the page

function fits(text, path, method, told) {
  return `${method} ${path} ${told.operationId} ${told.summary}`.toLowerCase().includes(text.toLowerCase().trim());
}

function drawManual() {
  const open = new Set([...document.querySelectorAll("details[open]")].map((one) => one.id));
  const sections = [], links = [];
  for (const tag of manual.tags) {
    const own = Object.entries(manual.paths).flatMap(([path, item]) => Object.entries(item)
      .filter(([method, told]) => told.tags.includes(tag.name) && fits($("filter").value, path, method, told))
      .map(([method, told]) => operation(path, method, told)));
    if (!own.length) continue;
    const title = words.tags[tag.name] || tag.name;
    links.push(make("a", { href: `#tag-${tag.name}` }, title));
    sections.push(make("h2", { id: `tag-${tag.name}` }, title), make("p", { class: "about" }, tag.description), ...own);
  }
  $("tags").replaceChildren(...links);
  $("manual").replaceChildren(make("p", { class: "about" }, manual.info.description),
    ...(sections.length ? sections : [make("p", {}, words.nothing)]));
  for (const one of document.querySelectorAll("details")) one.open = open.has(one.id);
}

function draw() {
  document.documentElement.lang = language;
  $("filter").placeholder = words.filter;
  $("filter").setAttribute("aria-label", words.filter);
  for (const one of document.querySelectorAll("[data-language]"))
    one.setAttribute("aria-pressed", String(one.dataset.language === language));
  if (manual) drawManual();
}

function openLinked() {
  const one = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!one) return;
  if (one.tagName === "DETAILS") one.open = true;
  one.scrollIntoView();
}

async function load() {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(String(answer.status));
    manual = await answer.json();
    $("version").textContent = manual.info.version;
    drawManual();
    openLinked();
  } catch (error) {
    $("banner").hidden = false;
    $("banner").textContent = words.failed.replace("{0}", error.message);
  }
}

for (const one of document.querySelectorAll("[data-language]")) {
  one.addEventListener("click", () => {
    language = one.dataset.language;
    words = WORDS[language];
    localStorage.setItem("language", language);
    draw();
  });
}
$("filter").addEventListener("input", () => manual && drawManual());
window.addEventListener("hashchange", openLinked);
draw();
load();
