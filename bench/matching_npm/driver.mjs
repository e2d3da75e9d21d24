// The npm order book over the sequence that bench_operations wrote: node driver.mjs FILE
//
// Best of ROUNDS after one round that only warms the compiler up; ids and options are made outside the
// timed part, as far as the library lets them. Prints what bench_operations prints.
import { readFileSync } from 'node:fs'
import { OrderBook } from 'nodejs-order-book'

const ROUNDS = 5
const LIMIT = 0, MARKET = 1
const SIDES = ['buy', 'sell']

const bytes = readFileSync(process.argv[2])
const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)

function operations() {
  const list = []
  for (let i = 0; i < words.length; i += 5) {
    const [operation, side, price, size, target] = words.subarray(i, i + 5)
    if (operation === LIMIT) list.push({ operation, options: { id: String(i / 5), side: SIDES[side], size, price } })
    else if (operation === MARKET) list.push({ operation, options: { side: SIDES[side], size } })
    else list.push({ operation, id: String(target) })
  }
  return list
}

function round() {
  const list = operations()
  const book = new OrderBook()
  const start = process.hrtime.bigint()
  for (const one of list) {
    if (one.operation === LIMIT) book.limit(one.options)
    else if (one.operation === MARKET) book.market(one.options)
    else book.cancel(one.id)
  }
  return { spent: Number(process.hrtime.bigint() - start), count: list.length, book }
}

round()
let best = Infinity, count = 0, rest = [0, 0]
for (let i = 0; i < ROUNDS; i++) {
  const result = round()
  best = Math.min(best, result.spent)
  count = result.count
  rest = [0, 0]
  for (const side of result.book.depth())
    for (const [price, size] of side) {
      rest[0] += size
      rest[1] += price * size
    }
}
console.log(`npm ${(count * 1e9 / best).toFixed(0)} operations/s rest ${rest[0]} ${rest[1]}`)
