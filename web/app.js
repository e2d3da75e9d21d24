// The live page: asks the REST API about once a second and draws what it says. Money stays text; a
// Number is made of it only to place pixels.
"use strict";

const POLL_MS = 1000;
const CANDLES_EVERY = 5; // polls
const BACKOFF_MAX_MS = 15000;
const REQUEST_MS = 8000;
const BOTS_SHOWN = 50;
const STALE_BOOK_MS = 5000;

const WORDS = {
  tr: {
    equity: "Varlık", today: "Bugün", running: "Çalışan", bots: "Botlar", bot: "Bot", state: "Durum",
    position: "Pozisyon", why: "Neden", book: "Emir defteri", tape: "Piyasa işlemleri",
    trades: "Kapanan işlemlerim", fills: "Gerçekleşmelerim", price: "Fiyat", qty: "Miktar", time: "Saat",
    symbol: "Sembol", side: "Yön", entry: "Giriş", exit: "Çıkış", reason: "Sebep", pnl: "Net kâr / zarar", fee: "Komisyon",
    cancel: "Vazgeç", start: "Başlat", stop: "Durdur", flat: "pozisyon yok", to_stop: "zarar durdur", to_target: "hedef",
    loading: "Yükleniyor…", no_bots: "Henüz bot yok. İlkini POST /api/v1/bots ile oluştur.",
    no_why: "Henüz karar yok: ilki, bir mum kapanınca gelir.", no_trades: "Henüz kapanan işlem yok.",
    no_fills: "Henüz gerçekleşme yok.", no_book: "Emir defteri henüz gelmedi.", no_tape: "Henüz piyasa işlemi yok.",
    gone: "Sunucuya ulaşılamıyor. {0} sn sonra yeniden denenecek; gördüklerin {1} itibarıyla.",
    spread: "fark", age: "{0} ms önce", stop_title: "{0} dursun mu?", stop_flat: "Açık pozisyonu yok. Yeni işlem açmaz.",
    stop_holding: "{0} {1} tutuyor, kâr / zarar {2}. Durdurursan pozisyon piyasa fiyatından satılır.",
    start_title: "{0} gerçek parayla başlasın mı?", start_text: "{0} ile gerçek emirler gönderecek.",
    simulated: "SİMÜLASYON", paper: "KÂĞIT", live: "GERÇEK", paper_band: "KÂĞIT PARA · gerçek emir gönderilmez",
    live_band: "GERÇEK PARA · en az bir bot gerçek emir gönderiyor", buy: "al", sell: "sat", failed: "Olmadı: {0}",
    chart: "{0} mumları, {1}", unknown: "bilinmiyor",
    claim: "İlk hesabı oluştur", leave: "Çıkış yap", email: "E-posta", password: "Parola",
    totp: "Uygulamanızdaki kod ya da bir kurtarma kodu", setup_token: "Sunucunun başlarken yazdığı kurulum anahtarı",
    remember: "Bu tarayıcıda 30 gün hatırla", login: "Giriş yap", register: "Hesap oluştur",
    to_login: "Hesabım var", to_register: "Hesabım yok", forgot: "Parolamı unuttum", new_password: "Yeni parola",
    ask_reset: "Bağlantı gönder", reset: "Yeni parolayı kaydet", back: "Girişe dön",
    reset_sent: "Bu adresin bir hesabı varsa, yeni parola için bir bağlantı yola çıktı.",
    reset_done: "Parolanız değişti, açık oturumlar kapandı. Yeni parolayla girin.",
    states: { stopped: "durdu", starting: "başlıyor", running: "çalışıyor", paused: "beklemede", stopping: "duruyor",
      live: "canlı", down: "kapalı", dialing: "bağlanıyor", syncing: "eşitleniyor", stale: "bayat" },
    verdicts: { hold: "tut", no_entry: "girme", enter: "gir", exit: "çık" },
    purposes: { exit: "sinyal", stop: "zarar durdur", target: "hedef", entry: "giriş" },
    reasons: { daily_loss: "günlük zarar sınırı", daily_target: "günlük hedef", daily_trades: "günlük işlem sınırı",
      impossible_news: "borsadan imkânsız haber: bir insan bakmalı",
      unknown_fill: "hiçbir emrin açıklamadığı dolum: bir insan bakmalı",
      unsellable_dust: "satılamayacak kadar küçük bir kalan borsada duruyor",
      fill_rounded: "bir dolum bu programın saydığından daha ince: bir insan bakmalı" },
    whys: { warming_up: "göstergeler ısınıyor", no_cross: "ortalamalar kesişmedi", trend_down: "eğilim aşağı",
      trend_up: "eğilim yukarı", rsi_overbought: "RSI aşırı alımda", rsi_oversold: "RSI aşırı satımda", signal: "sinyal",
      stop_loss: "zarar durdur", trailing_stop: "izleyen durdurma", take_profit: "kâr al", bot_stopped: "bot durdu",
      bot_paused: "bot beklemede", cooldown: "dinlenme süresi", order_pending: "emir bekliyor",
      order_unknown: "emrin sonucu belirsiz", feed_stale: "piyasa verisi bayat", instrument_halted: "sembol işleme kapalı",
      no_price: "fiyat yok", size_too_small: "miktar çok küçük", size_too_large: "miktar çok büyük",
      no_capital: "sermaye yetmiyor", orders_full: "emir sınırı doldu" },
  },
  en: {
    equity: "Equity", today: "Today", running: "Running", bots: "Bots", bot: "Bot", state: "State", position: "Position",
    why: "Why", book: "Order book", tape: "Market trades", trades: "My closed trades", fills: "My fills", price: "Price",
    qty: "Quantity", time: "Time", symbol: "Symbol", side: "Side", entry: "Entry", exit: "Exit", reason: "Reason",
    pnl: "Net profit / loss", fee: "Fee", cancel: "Cancel", start: "Start", stop: "Stop", flat: "no position",
    to_stop: "stop", to_target: "target", loading: "Loading…",
    no_bots: "No bots yet. Make the first one with POST /api/v1/bots.",
    no_why: "No decision yet: the first one comes when a candle closes.", no_trades: "No closed trade yet.",
    no_fills: "No fill yet.", no_book: "The order book is not there yet.", no_tape: "No market trade yet.",
    gone: "The server cannot be reached. Trying again in {0} s; what you see is as of {1}.",
    spread: "spread", age: "{0} ms ago", stop_title: "Stop {0}?", stop_flat: "It holds no position. It opens no new one.",
    stop_holding: "It holds {0} {1}, profit / loss {2}. If you stop it, the position is sold at the market price.",
    start_title: "Start {0} with real money?", start_text: "It will send real orders with {0}.",
    simulated: "SIMULATED", paper: "PAPER", live: "LIVE", paper_band: "PAPER MONEY · no real order is sent",
    live_band: "REAL MONEY · at least one bot sends real orders", buy: "buy", sell: "sell", failed: "That failed: {0}",
    chart: "{0} candles, {1}", unknown: "unknown",
    claim: "Make the first account", leave: "Log out", email: "E-mail", password: "Password",
    totp: "Code of your authenticator, or a recovery code", setup_token: "Set-up token that the server wrote when it started",
    remember: "Remember me here for 30 days", login: "Log in", register: "Create an account",
    to_login: "I have an account", to_register: "I have no account", forgot: "I forgot my password",
    new_password: "New password", ask_reset: "Send me a link", reset: "Save the new password", back: "Back to the login",
    reset_sent: "If this address has an account, a link for a new password is on its way.",
    reset_done: "Your password has changed, and open sessions have ended. Log in with the new one.",
    states: { stopped: "stopped", starting: "starting", running: "running", paused: "paused", stopping: "stopping",
      live: "live", down: "down", dialing: "dialing", syncing: "syncing", stale: "stale" },
    verdicts: { hold: "hold", no_entry: "no entry", enter: "enter", exit: "exit" },
    purposes: { exit: "signal", stop: "stop", target: "target", entry: "entry" },
    reasons: { daily_loss: "daily loss limit", daily_target: "daily target", daily_trades: "daily trade limit",
      impossible_news: "impossible news from the venue: a person must look",
      unknown_fill: "a fill that no order explains: a person must look",
      unsellable_dust: "a rest too small to sell stays at the venue",
      fill_rounded: "a fill was finer than this program counts: a person must look" },
    whys: {},
  },
};

let language = localStorage.getItem("language") || (navigator.language.startsWith("tr") ? "tr" : "en");
let words = WORDS[language] || WORDS.en;
const view = { bots: [], states: new Map(), scales: new Map(), selected: 0, symbol: "", candles: [], fills: [], polls: 0,
  venues: [], sides: new Map(), updated: 0, book: null, prints: [] };

const $ = (id) => document.getElementById(id);
const say = (text, ...values) => text.replace(/\{(\d)\}/g, (_, i) => values[i]);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// ---- decimal text

function units(text, scale) {
  const [whole, part = ""] = text.replace("-", "").split(".");
  const value = BigInt(whole + part.padEnd(scale, "0").slice(0, scale));
  return text.startsWith("-") ? -value : value;
}

const digitsOf = (text) => (text.split(".")[1] || "").length;

function decimal(value, scale) {
  const text = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const cut = text.length - scale;
  return (value < 0n ? "-" : "") + text.slice(0, cut) + (scale ? "." + text.slice(cut) : "");
}

function sum(texts) {
  const scale = Math.max(0, ...texts.map(digitsOf));
  return decimal(texts.reduce((all, text) => all + units(text, scale), 0n), scale);
}

// In the reader's own digits and separators; further digits are cut, missing ones filled with zeros.
function show(text, digits, signed = false) {
  if (text === null || text === undefined) return "–";
  const scale = digits ?? digitsOf(text);
  const value = units(text, scale);
  const [whole, part] = decimal(value < 0n ? -value : value, scale).split(".");
  const point = language === "tr" ? "," : ".";
  const grouped = BigInt(whole).toLocaleString(language);
  return (value < 0n ? "−" : signed && value > 0n ? "+" : "") + grouped + (part ? point + part : "");
}

const tone = (text) => (/[1-9]/.test(text) ? (text.startsWith("-") ? "loss" : "gain") : "");
const arrow = (text) => (/[1-9]/.test(text) ? (text.startsWith("-") ? " ▼" : " ▲") : "");

function profit(text) {
  return make("span", { class: tone(text) }, show(text, 2, true) + arrow(text));
}

function clock(time) {
  const element = make("time", { datetime: time, title: time.replace("T", " ").replace("Z", " UTC") });
  element.textContent = new Date(time).toLocaleTimeString(language, { hour12: false });
  return element;
}

// ---- the server

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(REQUEST_MS),
    headers: { "Accept-Language": language, ...options.headers } });
  const body = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(body.detail || String(response.status)),
    { status: response.status, code: body.code, wait: 1000 * Number(response.headers.get("Retry-After") || 0) });
  return body;
}

const send = (path, body) => ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const maybe = (path) => ask(path).catch((error) => {
  if (error.status && error.status !== 401 && error.status !== 429) return null; // it answered, only not with this
  throw error;
});

// What changes seldom is asked for every so many polls only: a page gets by with some eight requests a
// second, whatever it shows, and the server's limit lets ten pass.
const kept = new Map();
async function seldom(polls, path, how = ask) {
  const old = kept.get(path);
  if (old && view.polls - old.poll < polls) return old.value;
  const value = await how(path);
  kept.set(path, { poll: view.polls, value });
  return value;
}

async function poll() {
  if (!view.version) {
    view.version = await ask("/api/v1/version");
    $("claim").hidden = view.version.claimed;
    $("leave").hidden = !view.version.claimed;
  }
  view.polls++;
  const [venues, bots, fills, trades, orders] = await Promise.all([seldom(3, "/api/v1/venues"),
    ask(`/api/v1/bots?limit=${BOTS_SHOWN}`), ask("/api/v1/fills?limit=100"),
    seldom(3, "/api/v1/trades?limit=30"), seldom(3, "/api/v1/orders?limit=100")]);
  await pollStates(bots.items);
  view.venues = venues.items;
  view.bots = bots.items;
  view.more = bots.next_cursor !== null;
  view.fills = fills.items;
  view.trades = trades.items;
  view.sides = new Map(orders.items.map((order) => [order.id, order.side]));
  select();
  const bot = view.bots.find((one) => one.id === view.selected);
  if (bot) await pollMarket(bot);
  view.updated = Date.now();
}

// The bot that is looked at and those that are new at once, the others in turn.
async function pollStates(bots) {
  const next = bots.length ? bots[view.polls % bots.length].id : 0;
  const wanted = bots.filter((bot) => bot.id === view.selected || bot.id === next || !view.states.has(bot.id));
  const states = await Promise.all(wanted.map((bot) => maybe(`/api/v1/bots/${bot.id}/state`)));
  const ids = new Set(bots.map((bot) => bot.id));
  view.states = new Map([...view.states, ...wanted.map((bot, i) => [bot.id, states[i]])].filter(([id]) => ids.has(id)));
}

async function pollMarket(bot) {
  const market = `/api/v1/markets/${bot.venue}/${view.symbol}`;
  const wanted = view.symbol;
  if (!view.scales.has(bot.venue)) {
    const all = await maybe(`/api/v1/symbols/spot?venue=${bot.venue}`);
    if (all) view.scales.set(bot.venue, new Map(all.map((one) => [one.symbol, one])));
  }
  const [book, prints, why, candles] = await Promise.all([maybe(`${market}/book?levels=10`),
    maybe(`${market}/trades?limit=24`), seldom(2, `/api/v1/bots/${bot.id}/why?limit=30`, maybe),
    seldom(CANDLES_EVERY, `${market}/candles?timeframe=${bot.timeframe}&limit=90`, maybe)]);
  if (wanted !== view.symbol) return;
  Object.assign(view, { book, prints: prints ? prints.items : [], why: why ? why.items : [] });
  if (candles) Object.assign(view, { candles: candles.items, candlesOf: wanted });
  else if (view.candlesOf !== wanted) view.candles = [];
}

function select() {
  if (!view.bots.some((bot) => bot.id === view.selected)) {
    const first = view.bots.find((bot) => bot.state === "running") || view.bots[0];
    view.selected = first ? first.id : 0;
    view.symbol = first ? first.symbols[0] : "";
  }
}

function choose(bot, symbol) {
  Object.assign(view, { selected: bot.id, symbol, book: null, prints: [], why: [], candles: [], candlesOf: "" });
  draw();
  hurry();
}

// ---- drawing

// Rows that stay the same keep their element, so that focus and selection survive.
function rows(id, items, key, fill) {
  const body = $(id).tagName === "TABLE" ? $(id).tBodies[0] : $(id);
  const before = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const after = items.map((item) => {
    const name = String(key(item));
    const row = before.get(name) || make(body.tagName === "TBODY" ? "tr" : "li", { "data-key": name });
    fill(row, item);
    return row;
  });
  if (after.length !== body.children.length || after.some((row, i) => row !== body.children[i]))
    body.replaceChildren(...after);
}

function cells(row, ...contents) {
  while (row.cells.length < contents.length) row.append(make("td"));
  contents.forEach((content, i) => {
    const cell = row.cells[i], text = content instanceof Node ? content.textContent : content;
    if (cell.textContent === text && !(content instanceof Node && content.childElementCount)) {
      if (content instanceof Node && cell.firstChild && cell.firstChild.className !== content.className)
        cell.replaceChildren(content);
      return;
    }
    cell.replaceChildren(content);
  });
}

function right(row, ...columns) {
  for (const column of columns) row.cells[column].className = "n";
}

function emptyNote(id, items, text) {
  $(id).hidden = items.length > 0;
  $(id).textContent = words[text];
}

const rules = (venue, symbol) => (view.scales.get(venue) || new Map()).get(symbol);
const quantity = (venue, symbol, text) => show(text, rules(venue, symbol)?.qty_scale);
const simulated = (venue) => view.venues.some((one) => one.venue === venue && one.simulated);

function mark(text, kind = "") {
  return make("span", { class: "mark " + kind }, text);
}

// Where the price stands between stop and target, entry at the change of colour.
function distance(position) {
  const low = Number(position.stop_price), high = Number(position.target_price), at = Number(position.mark_price);
  const place = (value) => Math.min(100, Math.max(0, ((value - low) / (high - low)) * 100)).toFixed(1) + "%";
  const bar = make("span", { class: "span", role: "img",
    "aria-label": `${words.to_stop} ${show(position.stop_price)}, ${words.to_target} ${show(position.target_price)}` });
  bar.title = bar.getAttribute("aria-label");
  bar.style.setProperty("--entry", place(Number(position.entry_price)));
  const pin = make("i");
  pin.style.left = place(at);
  bar.append(pin);
  return bar;
}

// What it would lose or keep if it sold at that price, before fees.
function outcome(position, price) {
  const scale = digitsOf(position.entry_price), digits = digitsOf(position.qty);
  const gap = units(price, scale) - units(position.entry_price, scale);
  return show(decimal(gap * units(position.qty, digits), scale + digits), 2, true);
}

function level(name, position, price) {
  return make("span", { class: "quiet" }, `${name} ${show(price)} (${outcome(position, price)})`);
}

function holding(bot, state) {
  const cell = make("span");
  for (const position of state ? state.positions : []) {
    cell.append(`${quantity(bot.venue, position.symbol, position.qty)} ${position.symbol} @ ${show(position.entry_price)} `);
    cell.append(profit(position.unrealized_pnl), " ");
    if (position.stop_price) cell.append(level(words.to_stop, position, position.stop_price));
    if (position.stop_price && position.target_price && position.mark_price) cell.append(distance(position));
    if (position.target_price) cell.append(level(words.to_target, position, position.target_price));
  }
  if (!cell.childElementCount) cell.append(make("span", { class: "quiet" }, words.flat));
  return cell;
}

function button(bot, row) {
  const runs = bot.state !== "stopped" && bot.state !== "stopping";
  const old = row.cells[5] && row.cells[5].firstChild;
  if (old && old.dataset.does === (runs ? "stop" : "start") && old.dataset.language === language) return old;
  const does = make("button", { type: "button", "data-does": runs ? "stop" : "start", "data-language": language },
    runs ? words.stop : words.start);
  does.addEventListener("click", (event) => {
    event.stopPropagation();
    steer(bot.id, runs ? "stop" : "start", does);
  });
  return does;
}

function drawBots() {
  rows("bots", view.bots, (bot) => bot.id, (row, bot) => {
    const state = view.states.get(bot.id);
    const name = make("span", {}, bot.name + " ", mark(words[bot.mode], bot.mode));
    if (simulated(bot.venue)) name.append(" ", mark(words.simulated));
    const status = make("span", { class: "state", "data-state": bot.state }, words.states[bot.state] || bot.state);
    const why = bot.reason ? `: ${words.reasons[bot.reason] || bot.reason}` : "";
    cells(row, name, make("span", {}, status, why), holding(bot, state), state ? show(state.equity, 2) : "–",
      state ? profit(state.daily.pnl) : "–");
    while (row.cells.length < 6) row.append(make("td"));
    const does = button(bot, row);
    if (row.cells[5].firstChild !== does) row.cells[5].replaceChildren(does);
    right(row, 3, 4);
    row.setAttribute("aria-selected", bot.id === view.selected);
    if (!row.tabIndex) return;
    row.tabIndex = 0;
    const open = () => choose(view.bots.find((one) => one.id === bot.id) || bot, bot.symbols[0]);
    row.addEventListener("click", open);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target === row) open(); });
  });
  emptyNote("bots-empty", view.bots, "no_bots");
}

function drawStrip() {
  const known = view.bots.map((bot) => view.states.get(bot.id)).filter(Boolean);
  $("equity").textContent = known.length ? show(sum(known.map((state) => state.equity)), 2) : "–";
  $("today").replaceChildren(known.length ? profit(sum(known.map((state) => state.daily.pnl))) : "–");
  $("running").textContent = `${view.bots.filter((bot) => bot.state === "running").length} / ${view.bots.length}${view.more ? "+" : ""}`;
  rows("venues", view.venues, (one) => one.venue, (row, one) => {
    const delay = one.latency_ms === null ? "" : ` ${one.latency_ms.toLocaleString(language, { maximumFractionDigits: 1 })} ms`;
    row.dataset.state = one.state;
    row.title = one.reason || "";
    row.replaceChildren(`${one.venue} ${words.states[one.state]}${one.state === "live" ? delay : ""} `,
      ...(one.simulated ? [mark(words.simulated)] : []));
  });
  const live = view.bots.some((bot) => bot.mode === "live" && bot.state !== "stopped");
  $("band").dataset.mode = live ? "live" : "paper";
  $("band").textContent = live ? words.live_band : words.paper_band;
}

function drawBook(bot) {
  const book = view.book, body = [];
  if (book && book.bids.length && book.asks.length) {
    const scale = digitsOf(book.bids[0][0]);
    const gap = decimal(units(book.asks[0][0], scale) - units(book.bids[0][0], scale), scale);
    body.push(...book.asks.slice().reverse().map(([price, qty], i) => ["a" + (book.asks.length - i), price, qty, "loss"]),
      ["spread", gap], ...book.bids.map(([price, qty], i) => ["b" + i, price, qty, "gain"]));
  }
  rows("book", body, (line) => line[0], (row, [, price, qty, kind]) => {
    if (qty === undefined) {
      row.className = "spread";
      if (!row.cells.length) row.append(make("td", { colspan: 2 }));
      row.cells[0].textContent = `${words.spread} ${show(price)}`;
      return;
    }
    cells(row, make("span", { class: kind }, show(price)), quantity(bot.venue, view.symbol, qty));
    right(row, 0, 1);
  });
  $("book").classList.toggle("stale", !!book && book.age_ms > STALE_BOOK_MS);
  $("book-age").textContent = book ? say(words.age, book.age_ms) : "";
  emptyNote("book-empty", body, "no_book");
}

function drawTape(bot) {
  rows("tape", view.prints, (print) => print.id, (row, print) => {
    cells(row, clock(print.t), make("span", { class: print.side === "buy" ? "gain" : "loss" },
      show(print.price) + (print.side === "buy" ? " ▲" : " ▼")), quantity(bot.venue, view.symbol, print.qty));
    right(row, 1, 2);
  });
  emptyNote("tape-empty", view.prints, "no_tape");
  const last = view.prints[0] ? show(view.prints[0].price) : "";
  if ($("last").textContent === last) return;
  $("last").textContent = last;
  $("last").classList.remove("flash");
  requestAnimationFrame(() => $("last").classList.add("flash"));
}

function drawHistory() {
  rows("trades", view.trades || [], (trade) => trade.id, (row, trade) => {
    cells(row, clock(trade.closed_at), trade.symbol, quantity(trade.venue, trade.symbol, trade.qty),
      show(trade.entry_price), show(trade.exit_price), words.purposes[trade.exit_reason] || trade.exit_reason,
      make("span", { class: tone(trade.pnl) }, `${show(trade.pnl, 2, true)} (${show(trade.pnl_pct, 2, true)} %)`));
    right(row, 2, 3, 4, 6);
  });
  emptyNote("trades-empty", view.trades || [], "no_trades");
  rows("fills", view.fills.slice(0, 30), (fill) => fill.id, (row, fill) => {
    cells(row, clock(fill.t), fill.symbol, words[sideOf(fill)] || "–", quantity(fill.venue, fill.symbol, fill.qty),
      show(fill.price), `${show(fill.fee, 4)} ${fill.fee_asset}`);
    right(row, 3, 4, 5);
  });
  emptyNote("fills-empty", view.fills, "no_fills");
}

// A fill has the side of its order.
const sideOf = (fill) => view.sides.get(fill.order_id);

function drawWhy(bot) {
  const items = view.why || [];
  $("why-bot").textContent = bot ? bot.name : "";
  rows("why", items, (one) => `${one.t} ${one.symbol} ${one.code}`, (row, one) => {
    const told = language === "en" ? one.reason : words.whys[one.code] || one.reason;
    const values = Object.entries(one.values).map(([name, value]) => `${name} ${show(value, Math.abs(value) >= 100 ? 2 : 4)}`).join(" · ");
    row.replaceChildren(clock(one.t), make("b", {}, words.verdicts[one.decision] || one.decision),
      make("span", {}, `${one.symbol || ""} ${told} `, make("span", { class: "values" }, values)));
  });
  emptyNote("why-empty", items, "no_why");
}

function drawSymbols(bot) {
  const all = bot ? bot.symbols : [];
  $("chart-title").textContent = bot ? `${view.symbol} · ${bot.timeframe}` : "–";
  $("symbols").replaceChildren(...(all.length < 2 ? [] : all.map((symbol) => {
    const one = make("button", { type: "button", "aria-pressed": symbol === view.symbol }, symbol);
    one.addEventListener("click", () => choose(bot, symbol));
    return one;
  })));
}

// ---- chart

function drawChart(bot) {
  const canvas = $("chart"), pen = canvas.getContext("2d");
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.scale(ratio, ratio);
  if (!bot || !view.candles.length) return;
  canvas.setAttribute("aria-label", say(words.chart, view.symbol, bot.timeframe));
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue("--" + name).trim();
  const last = view.prints[0] ? Number(view.prints[0].price) : NaN;
  const candles = view.candles.map((c) => ({ t: Date.parse(c.t), o: Number(c.o), h: Number(c.h), l: Number(c.l), c: Number(c.c), closed: c.closed }));
  const newest = candles[candles.length - 1];
  if (!newest.closed && last > 0) {
    Object.assign(newest, { c: last, h: Math.max(newest.h, last), l: Math.min(newest.l, last) });
  }
  const state = view.states.get(bot.id);
  const position = state && state.positions.find((one) => one.symbol === view.symbol);
  let low = Math.min(...candles.map((c) => c.l)), high = Math.max(...candles.map((c) => c.h));
  const margin = (high - low || high * 0.001) * 0.08;
  low -= margin;
  high += margin;
  pen.font = "11px system-ui, sans-serif";
  const digits = digitsOf(view.candles[0].c);
  const axis = Math.ceil(pen.measureText(show(high.toFixed(digits))).width) + 12, bottom = 20;
  const slot = (width - axis) / candles.length;
  const x = (i) => (i + 0.5) * slot, y = (price) => ((high - price) / (high - low)) * (height - bottom);
  const line = (at, name, dash) => {
    pen.strokeStyle = color(name);
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(0, Math.round(at) + 0.5);
    pen.lineTo(width - axis, Math.round(at) + 0.5);
    pen.stroke();
    pen.setLineDash([]);
  };
  const label = (price, at, name) => {
    pen.fillStyle = color(name);
    pen.fillText(show(price.toFixed(digits)), width - axis + 6, at + 4);
  };
  for (let i = 0; i < 5; i++) {
    const price = high - ((high - low) * (i + 0.5)) / 5;
    line(y(price), "line", []);
    if (Math.abs(y(price) - y(newest.c)) > 14) label(price, y(price), "quiet");
  }
  candles.forEach((c, i) => {
    pen.fillStyle = pen.strokeStyle = color(c.c >= c.o ? "gain" : "loss");
    const body = Math.max(1, Math.floor(slot * 0.7)), left = Math.round(x(i) - body / 2);
    pen.fillRect(Math.round(x(i)) - 0.5, y(c.h), 1, Math.max(1, y(c.l) - y(c.h)));
    pen.fillRect(left, Math.min(y(c.o), y(c.c)), body, Math.max(1, Math.abs(y(c.o) - y(c.c))));
  });
  pen.fillStyle = color("quiet");
  for (let i = Math.floor(candles.length / 8); i < candles.length; i += Math.max(1, Math.floor(candles.length / 4)))
    pen.fillText(new Date(candles[i].t).toLocaleTimeString(language, { hour12: false }), Math.max(0, x(i) - 24), height - 5);
  const levels = position ? [[position.entry_price, "accent"], [position.stop_price, "loss"], [position.target_price, "gain"]] : [];
  for (const [price, name] of levels) {
    const at = price === null ? -1 : y(Number(price));
    if (at >= 0 && at <= height - bottom) line(at, name, [4, 4]);
  }
  drawFills(bot, candles, { pen, x, y, color, height, bottom });
  line(y(newest.c), "quiet", [1, 3]);
  pen.fillStyle = color("panel");
  pen.fillRect(width - axis, y(newest.c) - 8, axis, 16);
  label(newest.c, y(newest.c), "ink");
}

function drawFills(bot, candles, { pen, x, y, color, height, bottom }) {
  const length = candles.length > 1 ? candles[1].t - candles[0].t : 60000;
  const orders = new Set(); // one mark an order, however many fills it took
  for (const fill of view.fills) {
    if (fill.bot_id !== bot.id || fill.symbol !== view.symbol || orders.has(fill.order_id)) continue;
    orders.add(fill.order_id);
    const i = candles.findIndex((c) => Date.parse(fill.t) < c.t + length);
    if (i < 0 || Date.parse(fill.t) < candles[0].t) continue;
    const buys = sideOf(fill) === "buy", tip = Math.min(height - bottom - 1, Math.max(1, y(Number(fill.price))));
    const way = buys ? 1 : -1;
    pen.fillStyle = color(buys ? "accent" : "warn");
    pen.beginPath();
    pen.moveTo(x(i), tip);
    pen.lineTo(x(i) - 5, tip + way * 9);
    pen.lineTo(x(i) + 5, tip + way * 9);
    pen.fill();
  }
}

function draw() {
  const bot = view.bots.find((one) => one.id === view.selected);
  drawStrip();
  drawBots();
  drawSymbols(bot);
  drawBook(bot || { venue: "" });
  drawTape(bot || { venue: "" });
  drawWhy(bot);
  drawHistory();
  requestAnimationFrame(() => drawChart(bot));
}

// ---- steering

// Asks once. Each question hears its own buttons alone: the close event of the one before may still be on
// its way when the next one opens.
function confirmed(title, text, yes) {
  const dialog = $("confirm");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  return new Promise((done) => {
    const answer = (agreed) => {
      dialog.close();
      done(agreed);
    };
    $("confirm-yes").onclick = () => answer(true);
    $("confirm-no").onclick = () => answer(false);
    dialog.oncancel = (event) => { event.preventDefault(); answer(false); }; // the Escape key
    dialog.showModal();
  });
}

function stopText(state) {
  const position = state && state.positions[0];
  return position ? say(words.stop_holding, show(position.qty), position.symbol, show(position.unrealized_pnl, 2, true)) : words.stop_flat;
}

async function steer(id, what, does) {
  const bot = view.bots.find((one) => one.id === id);
  if (what === "stop" && !(await confirmed(say(words.stop_title, bot.name), stopText(view.states.get(id)), words.stop))) return;
  if (what === "start" && bot.mode === "live" &&
      !(await confirmed(say(words.start_title, bot.name), say(words.start_text, show(bot.capital)), words.start))) return;
  does.disabled = true;
  try {
    await send(`/api/v1/bots/${id}/${what}`, {});
  } catch (error) {
    banner(say(words.failed, error.message));
    setTimeout(() => banner(""), 5000);
  }
  does.disabled = false;
  hurry();
}

// ---- the way in

// mode: "login", "register", "forgot" (asks for a letter) or "reset" (came by the letter's link, with token)
const entry = { mode: "", totp: false, setup: false, token: "" };
const ENTRY_WORDS = { login: ["login", "to_register"], register: ["register", "to_login"], forgot: ["ask_reset", "back"],
  reset: ["reset", "back"] };

// What is hidden must not be asked for either.
function offer(id, offered) {
  $(id).hidden = !offered;
  $(id).querySelector("input").disabled = !offered;
}

function drawEntry() {
  const mode = entry.mode, login = mode === "login";
  const [does, other] = ENTRY_WORDS[mode] || ENTRY_WORDS.login;
  $("entry").hidden = !mode;
  document.body.classList.toggle("outside", !!mode);
  $("entry-title").textContent = $("entry-do").textContent = words[does];
  $("entry-other").textContent = words[other];
  $("entry-password-name").textContent = mode === "reset" ? words.new_password : words.password;
  $("entry").elements.password.autocomplete = login ? "current-password" : "new-password";
  offer("entry-email", mode !== "reset");
  offer("entry-password", mode !== "forgot");
  offer("entry-totp", login && entry.totp);
  offer("entry-setup", mode === "register" && entry.setup);
  offer("entry-remember", login);
  $("entry-forgot").hidden = !login;
}

// From one form to another, which says text.
function turnEntry(mode, text = "") {
  entry.mode = mode;
  $("entry-said").textContent = text;
  $("entry").elements.password.value = "";
  drawEntry();
}

// The link of a letter. Its token leaves the address at once, so that no history keeps it.
function readLink() {
  const link = location.hash.match(/^#\/reset-password\/([^/]+)$/);
  if (!link) return;
  entry.token = link[1];
  history.replaceState(null, "", location.pathname);
  turnEntry("reset");
}

function showEntry(mode) {
  if (entry.mode && mode) return;
  entry.mode = mode;
  if (!mode) $("entry").reset();
  $("entry-said").textContent = "";
  drawEntry();
}

// What was somebody's must not be there for the next one.
function forget() {
  kept.clear();
  Object.assign(view, { bots: [], states: new Map(), fills: [], trades: [], prints: [], why: [], candles: [], book: null,
    selected: 0, symbol: "", updated: 0, version: null });
  draw();
}

async function comeIn(fields) {
  const who = { email: fields.email.value, password: fields.password.value };
  if (entry.mode === "register") {
    await send("/api/v1/auth/register", { ...who, setup_token: entry.setup ? fields.setup_token.value : null });
    entry.mode = "login";
  }
  await send("/api/v1/auth/login", { ...who, remember_me: fields.remember_me.checked, totp: entry.totp ? fields.totp.value : null });
  entry.totp = entry.setup = false;
  view.version = null;
  showEntry("");
  hurry();
}

async function submitEntry() {
  const fields = $("entry").elements, said = $("entry-said");
  said.textContent = "";
  $("entry-do").disabled = true;
  try {
    if (entry.mode === "forgot") {
      await send("/api/v1/auth/forgot-password", { email: fields.email.value });
      turnEntry("login", words.reset_sent);
    } else if (entry.mode === "reset") {
      await send("/api/v1/auth/reset-password", { token: entry.token, new_password: fields.password.value });
      entry.token = "";
      forget();
      turnEntry("login", words.reset_done);
    } else {
      await comeIn(fields);
    }
  } catch (error) {
    entry.totp = entry.totp || error.code === "totp_required";
    entry.setup = entry.setup || error.code === "setup_token_wanted";
    said.textContent = error.message;
    drawEntry();
  }
  $("entry-do").disabled = false;
}

async function leave() {
  try {
    await send("/api/v1/auth/logout", {});
  } catch (error) {
    if (error.status !== 401) banner(say(words.failed, error.message));
    if (error.status !== 401) return;
  }
  forget();
  showEntry("login");
}

// Whether the error says that we are outside; shows the form then.
function isOutside(error) {
  if (error.status === 401) showEntry("login");
  else if (error.code === "not_local") {
    entry.setup = true;
    showEntry("register");
  } else return false;
  return true;
}

$("entry").addEventListener("submit", (event) => { event.preventDefault(); submitEntry(); });
$("entry-other").addEventListener("click", () => turnEntry(entry.mode === "login" ? "register" : "login"));
$("entry-forgot").addEventListener("click", () => turnEntry("forgot"));
window.addEventListener("hashchange", readLink);
$("claim").addEventListener("click", () => showEntry("register"));
$("leave").addEventListener("click", leave);

// ---- the loop

function banner(text) {
  $("banner").textContent = text;
  $("banner").hidden = !text;
}

let timer = 0, busy = false, failures = 0;

// Asks once and says in how many ms to ask again.
async function askAll() {
  try {
    await poll();
  } catch (error) {
    if (isOutside(error)) return BACKOFF_MAX_MS;
    const wait = Math.max(error.wait || 0, Math.min(BACKOFF_MAX_MS, POLL_MS * 2 ** failures++));
    if (error.status === 429) {
      banner(error.message);
      return wait;
    }
    const since = view.updated ? new Date(view.updated).toLocaleTimeString(language, { hour12: false }) : words.unknown;
    document.body.classList.add("gone");
    banner(say(words.gone, wait / 1000, since));
    return wait;
  }
  if (failures) banner("");
  failures = 0;
  document.body.classList.remove("gone");
  return POLL_MS;
}

async function turn() {
  if (busy || entry.mode) return;
  busy = true;
  clearTimeout(timer);
  const wait = await askAll();
  busy = false;
  timer = setTimeout(turn, document.hidden ? Math.max(wait, 5000) : wait);
  if (!failures && !entry.mode) draw();
}

function hurry() {
  kept.clear();
  clearTimeout(timer);
  timer = setTimeout(turn, 50);
}

function speak(chosen) {
  language = chosen in WORDS ? chosen : "en";
  words = WORDS[language];
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = words[element.dataset.t];
  for (const element of document.querySelectorAll("[data-language]:not([data-does])"))
    element.setAttribute("aria-pressed", element.dataset.language === language);
  drawEntry();
  if (view.updated) draw();
}

for (const element of document.querySelectorAll(".languages button"))
  element.addEventListener("click", () => speak(element.dataset.language));
document.addEventListener("visibilitychange", () => { if (!document.hidden) hurry(); });
window.addEventListener("resize", () => requestAnimationFrame(() => drawChart(view.bots.find((one) => one.id === view.selected))));
speak(language);
readLink();
turn();
