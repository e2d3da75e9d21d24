// What a user of ccxt does with an exchange, against the one that standard input describes. Speaks TAP
// without its plan. Argument: the folder that the library was installed in.
'use strict';
const assert = require('node:assert');
const { readFileSync } = require('node:fs');
const ccxt = require(require.resolve('ccxt', { paths: [process.argv[2]] }));

const access = JSON.parse(readFileSync(0, 'utf8'));
const exchange = new ccxt.binance({
  apiKey: access.api_key,
  secret: access.secret,
  enableRateLimit: false,
  options: { defaultType: 'spot', fetchMarkets: { types: ['spot'] }, fetchMargins: false },
});
exchange.urls.api.public = exchange.urls.api.private = `${access.rest}/api/v3`;
exchange.has.fetchCurrencies = false; // asked of /sapi, which is not spot

const SYMBOL = 'BTC/USDT';
let resting;

const fails = (kind, call) => assert.rejects(call, (error) => {
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  return true;
});

const cases = {
  async loads_markets() {
    const markets = await exchange.loadMarkets();
    assert.ok(Object.keys(markets).length >= 3);
    assert.strictEqual(markets[SYMBOL].precision.price, 0.01);
    assert.strictEqual(markets[SYMBOL].limits.cost.min, 5);
  },
  async fetches_time() {
    assert.ok(Math.abs(await exchange.fetchTime() - Date.now()) < 5000);
  },
  async fetches_an_order_book() {
    const book = await exchange.fetchOrderBook(SYMBOL, 20);
    assert.strictEqual(book.bids.length, 20);
    assert.ok(book.bids[0][0] < book.asks[0][0]);
    assert.ok(book.bids[0][0] > book.bids[1][0]);
  },
  async fetches_trades() {
    let trades = [];
    for (let i = 0; i < 50 && trades.length === 0; i += 1) trades = await exchange.fetchTrades(SYMBOL);
    assert.ok(trades.length > 0);
    assert.ok(trades[0].price > 0);
  },
  async fetches_one_ticker() {
    const ticker = await exchange.fetchTicker(SYMBOL);
    assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high);
    assert.ok(ticker.bid < ticker.ask);
  },
  async fetches_all_tickers() {
    assert.ok(Object.keys(await exchange.fetchTickers()).length >= 3);
  },
  async fetches_candles() {
    const candles = await exchange.fetchOHLCV(SYMBOL, '1m', undefined, 100);
    assert.strictEqual(candles.length, 100);
    for (let i = 1; i < candles.length; i += 1) assert.strictEqual(candles[i][0] - candles[i - 1][0], 60000);
  },
  async fetches_the_balance() {
    assert.ok((await exchange.fetchBalance()).USDT.free > 1000);
  },
  async buys_at_market() {
    const before = await exchange.fetchBalance();
    const order = await exchange.createOrder(SYMBOL, 'market', 'buy', 0.01);
    assert.strictEqual(order.status, 'closed');
    assert.strictEqual(order.filled, 0.01);
    const after = await exchange.fetchBalance();
    assert.ok(Math.abs(after.BTC.free - before.BTC.free - 0.00999) < 1e-9);
  },
  async places_a_limit_order() {
    const price = Math.floor((await exchange.fetchTicker(SYMBOL)).bid * 0.8);
    resting = await exchange.createOrder(SYMBOL, 'limit', 'buy', 0.01, price);
    assert.strictEqual(resting.status, 'open');
    assert.strictEqual((await exchange.fetchOrder(resting.id, SYMBOL)).price, price);
  },
  async lists_open_orders() {
    const open = await exchange.fetchOpenOrders(SYMBOL);
    assert.deepStrictEqual(open.map((order) => order.id), [resting.id]);
  },
  async lists_my_trades() {
    const mine = await exchange.fetchMyTrades(SYMBOL);
    assert.strictEqual(mine.reduce((sum, trade) => sum + trade.amount, 0).toFixed(5), '0.01000');
  },
  async cancels() {
    assert.strictEqual((await exchange.cancelOrder(resting.id, SYMBOL)).status, 'canceled');
    assert.strictEqual((await exchange.fetchOrder(resting.id, SYMBOL)).status, 'canceled');
    assert.strictEqual((await exchange.fetchOpenOrders(SYMBOL)).length, 0);
  },
  async maps_refusals_to_its_errors() {
    const price = Math.floor((await exchange.fetchTicker(SYMBOL)).bid * 0.8);
    await fails(ccxt.InsufficientFunds, exchange.createOrder(SYMBOL, 'limit', 'buy', 100, price));
    await fails(ccxt.InvalidOrder, exchange.createOrder(SYMBOL, 'limit', 'buy', 20000, price));
    await fails(ccxt.OrderNotFound, exchange.fetchOrder('1', SYMBOL));
    await fails(ccxt.OrderNotFound, exchange.cancelOrder('1', SYMBOL));
    exchange.secret = 'wrong';
    await fails(ccxt.AuthenticationError, exchange.fetchBalance());
  },
};

(async () => {
  let number = 0;
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    number += 1;
    try {
      await run();
      console.log(`ok ${number} - test_ccxt__${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${number} - test_ccxt__${name}`);
      console.log(String(error.stack).replace(/^/gm, '# '));
    }
  }
  process.exit(failed ? 1 : 0);
})();
