#!/usr/bin/env python3
"""ema_rsi without stops in vectorised pandas beside our engine, on the same candles:

    /usr/bin/python3 bench/pandas_backtest.py PATH_OF_BENCH_BACKTEST

pandas computes averages, RSI, crosses, positions and a compounded equity column by column; the engine
takes every candle as an event and every trade through orders and fills. Reading the file counts for
neither. Best of 5 each, in turn. Signals differ only in how averages are seeded (pandas' ewm starts
from the first value), so the numbers of trades are close, not equal."""
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

CANDLES, ROUNDS, FEE, PART = 1051200, 5, 0.001, 0.1


def write_candles(path):
    rng = np.random.default_rng(7)
    close = np.round(30000 * np.exp(np.cumsum(rng.normal(0, 0.0006, CANDLES))), 2)
    opened = np.concatenate(([30000.0], close[:-1]))
    frame = pd.DataFrame({
        "open_time_ms": 1640995200000 + 60000 * np.arange(CANDLES),
        "open": opened, "high": np.round(np.maximum(opened, close) * 1.0002, 2),
        "low": np.round(np.minimum(opened, close) * 0.9998, 2), "close": close, "volume": 1})
    frame.to_csv(path, index=False, float_format="%.2f")


def backtest(frame):
    close = frame["close"]
    fast = close.ewm(span=8, adjust=False).mean()
    slow = close.ewm(span=21, adjust=False).mean()
    change = close.diff()
    gain = change.clip(lower=0).ewm(alpha=1 / 7, adjust=False).mean()
    loss = (-change.clip(upper=0)).ewm(alpha=1 / 7, adjust=False).mean()
    rsi = 100 - 100 / (1 + gain / loss)
    above = fast > slow
    before = above.shift(1, fill_value=False)
    signal = pd.Series(np.nan, index=frame.index)
    signal[above & ~before & (rsi < 65)] = 1.0
    signal[~above & before & (rsi > 35)] = 0.0
    held = signal.ffill().fillna(0).shift(1, fill_value=0)  # from the next open on
    opened = frame["open"]
    returns = held * (opened.shift(-1, fill_value=close.iloc[-1]) / opened - 1)
    turned = held.diff().abs().fillna(0)
    equity = 10000 * (1 + PART * (returns - FEE * turned)).cumprod()
    return int((held.diff() < 0).sum()), float(equity.iloc[-1])


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "candles.csv")
        write_candles(path)
        frame = pd.read_csv(path)
        theirs = ours = float("inf")
        for _ in range(ROUNDS):
            began = time.perf_counter()
            trades, equity = backtest(frame)
            theirs = min(theirs, (time.perf_counter() - began) * 1e9 / CANDLES)
            result = subprocess.run([program, "--no-stops", path], check=True, capture_output=True, text=True)
            ns, our_trades, our_equity = result.stdout.split()
            ours = min(ours, float(ns))
    print(f"pandas {theirs:6.1f} ns/candle  {trades} trades  equity {equity:.4f}")
    print(f"engine {ours:6.1f} ns/candle  {our_trades} trades  equity {float(our_equity):.4f}")
    print(f"engine against pandas: {theirs / ours:.2f}x (wanted: 0.50x)")
    close = abs(trades - int(our_trades)) <= max(5, trades // 200)
    return 0 if close and theirs / ours >= 0.5 else 1


sys.exit(main())
