// Market frames to fixed point: our decoder beside simdjson on-demand, on the same recorded bytes.
//
// Both read every price and quantity into int64 units and must come to the same sum; both check UTF-8.
// Ours also checks the structure of the whole frame, which on-demand does only for what it visits.
// Usage: bench_decode ../shared/data/raw/binance-spot/btcusdt_20240808.jsonl
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "decode_ours.h"
#include "io/venue/json_digits.h"

namespace od = simdjson::ondemand;

namespace
{

enum { ROUNDS = 5 };

volatile uint64_t sink; // ids and times are read for nothing else

// Straight over the digits, exact, as somebody would write it beside simdjson.
bool decimal(std::string_view text, unsigned scale, int64_t &out)
{
    int64_t value = 0;
    unsigned fraction = 0;
    bool dot = false, any = false;
    for (const char c : text) {
        if (c == '.') {
            if (dot || !any) return false;
            dot = true;
            continue;
        }
        const unsigned digit = static_cast<unsigned char>(c) - '0';
        if (digit > 9) return false;
        any = true;
        if (dot && fraction == scale) {
            if (digit != 0) return false;
            continue;
        }
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
        fraction += dot;
    }
    if (!any) return false;
    for (; fraction < scale; fraction++)
        if (__builtin_mul_overflow(value, 10, &value)) return false;
    out = value;
    return true;
}

// A quoted decimal by simdjson's string and the loop above, or (OUR_DIGITS) by our eight-digit words on the
// raw bytes, so that the ratio of the parsers alone is seen too.
template <bool OUR_DIGITS> uint64_t mix_text(uint64_t sum, od::value cell, unsigned scale)
{
    int64_t value = 0;
    if (OUR_DIGITS) {
        const std::string_view raw = cell.raw_json_token();
        if (digits_decimal(raw.data() + 1, raw.data() + raw.size() + 8, scale, &value))
            return decode_mix(sum, value);
    }
    if (!decimal(cell.get_string(), scale, value))
        throw simdjson::simdjson_error(simdjson::NUMBER_ERROR);
    return decode_mix(sum, value);
}

template <bool OUR_DIGITS> uint64_t mix_levels(uint64_t sum, od::array side)
{
    for (od::array level : side) {
        unsigned place = 0;
        for (od::value cell : level) {
            sum = mix_text<OUR_DIGITS>(sum, cell, place ? DECODE_QTY_SCALE : DECODE_PRICE_SCALE);
            place++;
        }
    }
    return sum;
}

// Keys in the order that Binance writes them, which is the fastest way for on-demand. Ids and times are
// read as integers, and the symbol compared, as in ours.
template <bool OUR_DIGITS>
uint64_t read_event(uint64_t sum, std::string_view stream, od::object data)
{
    uint64_t ids = 0;
    const bool ticker = stream == "btcusdt@bookTicker";
    if (ticker) {
        ids += data["u"].get_uint64();
        if (std::string_view(data["s"]) != "BTCUSDT") return 0;
        sum = mix_text<OUR_DIGITS>(sum, data["b"], DECODE_PRICE_SCALE);
        sum = mix_text<OUR_DIGITS>(sum, data["B"], DECODE_QTY_SCALE);
        sum = mix_text<OUR_DIGITS>(sum, data["a"], DECODE_PRICE_SCALE);
        sum = mix_text<OUR_DIGITS>(sum, data["A"], DECODE_QTY_SCALE);
        sink = ids;
        return sum;
    }
    const std::string_view kind = data["e"];
    ids += data["E"].get_uint64();
    if (std::string_view(data["s"]) != "BTCUSDT") return 0;
    if (kind == "trade") {
        ids += data["t"].get_uint64();
        sum = mix_text<OUR_DIGITS>(sum, data["p"], DECODE_PRICE_SCALE);
        sum = mix_text<OUR_DIGITS>(sum, data["q"], DECODE_QTY_SCALE);
        ids += data["T"].get_uint64();
        ids += data["m"].get_bool() ? 1 : 0;
    } else if (kind == "depthUpdate") {
        ids += data["U"].get_uint64();
        ids += data["u"].get_uint64();
        sum = mix_levels<OUR_DIGITS>(sum, data["b"].get_array());
        sum = mix_levels<OUR_DIGITS>(sum, data["a"].get_array());
    } else {
        return 0;
    }
    sink = ids;
    return sum;
}

template <bool OUR_DIGITS>
uint64_t decode_simdjson(od::parser &parser, const std::vector<decode_frame> &frames)
{
    uint64_t sum = 1;
    for (const decode_frame &f : frames) {
        // The frames lie in one padded block, so no copy is needed.
        od::document document =
            parser.iterate(f.data, f.size, f.size + simdjson::SIMDJSON_PADDING);
        od::object root = document.get_object();
        const std::string_view stream = root["stream"];
        sum = read_event<OUR_DIGITS>(sum, stream, root["data"].get_object());
        if (sum == 0) return 0;
    }
    return sum;
}

bool load(const char *path, const char *only, std::string &block, std::vector<decode_frame> &frames,
          size_t &bytes)
{
    std::ifstream file(path, std::ios::binary);
    std::vector<std::pair<size_t, size_t>> places;
    if (!file) return false;
    for (std::string line; std::getline(file, line);) {
        const size_t at = line.find("\"msg\":");
        if (at == std::string::npos || line.find("\"rest\"") != std::string::npos) continue;
        if (line.find(only) == std::string::npos) continue;
        const std::string frame = line.substr(at + 6, line.rfind('}') - at - 6);
        places.emplace_back(block.size(), frame.size());
        block += frame;
        block += '\n';
        bytes += frame.size();
    }
    block.append(simdjson::SIMDJSON_PADDING, ' ');
    for (const auto &[from, size] : places) frames.push_back({block.data() + from, size});
    return !frames.empty();
}

template <typename F> double seconds(F run)
{
    const auto from = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
}

int measure(const char *path, const char *name, const char *only)
{
    std::string block;
    std::vector<decode_frame> frames;
    size_t bytes = 0;
    if (!load(path, only, block, frames, bytes)) {
        std::printf("%s: no frames in %s\n", name, path);
        return 1;
    }
    od::parser parser;
    double best_ours = 1e9, best_theirs = 1e9, best_mixed = 1e9;
    uint64_t ours = 0, theirs = 0, mixed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const double a = seconds([&] { ours = decode_ours(frames.data(), frames.size()); });
        const double b = seconds([&] { theirs = decode_simdjson<false>(parser, frames); });
        const double c = seconds([&] { mixed = decode_simdjson<true>(parser, frames); });
        if (a < best_ours) best_ours = a;
        if (b < best_theirs) best_theirs = b;
        if (c < best_mixed) best_mixed = c;
    }
    if (ours == 0 || ours != theirs || ours != mixed) {
        std::printf("%s: sums differ: %016llx %016llx\n", name,
                    static_cast<unsigned long long>(ours), static_cast<unsigned long long>(theirs));
        return 1;
    }
    const double count = static_cast<double>(frames.size()), megabytes = static_cast<double>(bytes) / 1e6;
    std::printf("%-11s %6zu frames %5.0f B | ours %7.1f ns %6.0f MB/s | simdjson %7.1f ns %6.0f MB/s "
                "| ratio %.2f | simdjson with our digits %7.1f ns, ratio %.2f\n",
                name, frames.size(), static_cast<double>(bytes) / count, best_ours * 1e9 / count,
                megabytes / best_ours, best_theirs * 1e9 / count, megabytes / best_theirs,
                best_theirs / best_ours, best_mixed * 1e9 / count, best_mixed / best_ours);
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    const char *path =
        argc > 1 ? argv[1] : "../shared/data/raw/binance-spot/btcusdt_20240808.jsonl";
    std::printf("simdjson %s, best of %d interleaved rounds\n",
                simdjson::get_active_implementation()->name().data(), ROUNDS);
    return measure(path, "all", "\"stream\"") | measure(path, "depth", "@depth") |
           measure(path, "trade", "@trade") | measure(path, "bookTicker", "@bookTicker");
}
