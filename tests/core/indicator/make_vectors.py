#!/usr/bin/env python3
"""Writes vectors.csv: candles of a made-up market and what each indicator says about them.

Every value is computed from its definition over the whole history, with exact rationals where that is
possible (sums, means) and 50-digit decimals elsewhere: no running state, nothing shared with the C code.
Usage: make_vectors.py > vectors.csv
"""
from decimal import Decimal, getcontext
from fractions import Fraction
import random

getcontext().prec = 50
ROWS = 300
EMA, SMA, RSI, ATR = 8, 20, 7, 14
FAST, SLOW, SIGNAL = 12, 26, 9
BOLLINGER, WIDTH = 20, 2


def make_candles():
    """A walk in ticks of 0.01 with a flat stretch, a run up, a crash and gaps between candles."""
    rng = random.Random(20240808)
    candles, close = [], 6_000_000
    for row in range(ROWS):
        if 60 <= row < 75:
            open_, drift, spread = close, 0, 0
        elif 120 <= row < 140:
            open_, drift, spread = close, 5_000, 900
        elif row == 200:
            open_, drift, spread = close - 400_000, -900_000, 5_000
        else:
            open_, drift, spread = close + rng.randint(-500, 500), 0, 3_000
        close = open_ + drift + (rng.randint(-spread, spread) if spread else 0)
        high = max(open_, close) + (rng.randint(0, spread) if spread else 0)
        low = min(open_, close) - (rng.randint(0, spread) if spread else 0)
        candles.append((high, low, close))
    return candles


def mean(values):
    return sum(values, Fraction(0)) / len(values)


def smoothed(values, period, weight):
    """The plain mean of the first `period`, then weight * value + (1 - weight) * before."""
    if len(values) < period:
        return None
    result = mean(values[:period])
    result = Decimal(result.numerator) / Decimal(result.denominator)
    w = Decimal(weight.numerator) / Decimal(weight.denominator)
    for value in values[period:]:
        v = Decimal(value.numerator) / Decimal(value.denominator)
        result = w * v + (1 - w) * result
    return result


def ema(values, period):
    return smoothed(values, period, Fraction(2, period + 1))


def wilder(values, period):
    return smoothed(values, period, Fraction(1, period))


def sma(values, period):
    return mean(values[-period:]) if len(values) >= period else None


def rsi(closes, period):
    changes = [b - a for a, b in zip(closes, closes[1:])]
    gain = wilder([max(c, Fraction(0)) for c in changes], period)
    loss = wilder([max(-c, Fraction(0)) for c in changes], period)
    if gain is None:
        return None
    return Decimal(100) if loss == 0 else 100 - 100 / (1 + gain / loss)


def macd_line(closes):
    slow = ema(closes, SLOW)
    return None if slow is None else ema(closes, FAST) - slow


def bollinger(closes, period):
    if len(closes) < period:
        return None
    window = closes[-period:]
    middle = mean(window)
    variance = mean([(x - middle) ** 2 for x in window])
    deviation = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
    return Decimal(middle.numerator) / Decimal(middle.denominator), deviation


def atr(candles, period):
    ranges = [max(h - l, abs(h - before[2]), abs(l - before[2]))
              for before, (h, l, _) in zip(candles, candles[1:])]
    return wilder(ranges, period)


def text(value):
    if value is None:
        return ""
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{value:.20g}"


def main():
    candles = [tuple(Fraction(v, 100) for v in c) for c in make_candles()]
    print("high,low,close,ema8,sma20,rsi7,macd,signal,bb_upper,bb_lower,atr14")
    lines = []
    for row in range(ROWS):
        seen = candles[:row + 1]
        closes = [c[2] for c in seen]
        line = macd_line(closes)
        if line is not None:
            lines.append(Fraction(line))
        bands = bollinger(closes, BOLLINGER)
        values = [ema(closes, EMA), sma(closes, SMA), rsi(closes, RSI), line, ema(lines, SIGNAL),
                  bands and bands[0] + WIDTH * bands[1], bands and bands[0] - WIDTH * bands[1],
                  atr(seen, ATR)]
        prices = [f"{float(v):.2f}" for v in seen[-1]]
        print(",".join(prices + [text(v) for v in values]))


if __name__ == "__main__":
    main()
