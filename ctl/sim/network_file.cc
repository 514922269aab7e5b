#include "ctl/sim/network_file.h"

#include "ctl/sim/toml_reader.h"

namespace skiptrain::ctl {
namespace {

constexpr double kMaxMegabits = 1e6;
constexpr double kBytesPerMegabit = 1e6 / 8;

void read_link(TomlReader& reader, sim::LinkOptions& link) {
  if (auto v = reader.duration("latency")) link.latency = *v;
  if (auto v = reader.duration("jitter")) link.jitter = *v;
  if (auto v = reader.number("bandwidth_mbit", 1e-3, kMaxMegabits)) {
    link.bandwidth_bytes_per_s = *v * kBytesPerMegabit;
  }
  if (auto v = reader.number("loss", 0, 1)) link.loss = *v;
  if (auto v = reader.number("duplicate", 0, 1)) link.duplicate = *v;
  if (auto v = reader.number("reorder", 0, 1)) link.reorder = *v;
  if (auto v = reader.duration("reorder_delay")) link.reorder_delay = *v;
}

Result<sim::LinkOverride> read_override(const toml::table& table, const std::string& file,
                                        const sim::LinkOptions& base, std::size_t node_count) {
  TomlReader reader(table, file);
  sim::LinkOverride result;
  result.link = base;
  const auto ends = reader.positions("between", node_count);
  if (!ends || ends->size() != 2 || (*ends)[0] == (*ends)[1]) {
    reader.complain("between", "must name two nodes, as in [0, 3]");
  } else {
    result.from = (*ends)[0];
    result.to = (*ends)[1];
  }
  if (const auto one_way = reader.boolean("one_way")) result.both = !*one_way;
  read_link(reader, result.link);
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  return result;
}

}  // namespace

Result<sim::NetworkOptions> load_network(const std::string& preset_or_file,
                                         std::size_t node_count) {
  if (preset_or_file.find_first_of("./") == std::string::npos) {
    return sim::network_preset(preset_or_file);
  }
  const auto table = parse_toml_file(preset_or_file);
  if (!table) return tl::unexpected(table.error());
  TomlReader reader(*table, preset_or_file);
  auto network = sim::network_preset(reader.text("preset").value_or("lan"));
  if (!network) {
    reader.complain("preset", network.error().message);
    network = sim::NetworkOptions();
  }
  read_link(reader, network->link);
  if (auto v = reader.duration("unreliable_until")) network->unreliable_until = Instant(*v);
  constexpr Duration kLeast = std::chrono::milliseconds(1);
  if (auto v = reader.duration("reconnect_delay")) network->reconnect_delay = *v;
  if (auto v = reader.duration("keepalive", kLeast)) network->keepalive = *v;
  if (auto v = reader.duration("fetch_timeout", kLeast)) network->fetch_timeout = *v;
  for (const toml::table* link : reader.tables("link")) {
    auto one = read_override(*link, preset_or_file, network->link, node_count);
    if (!one) return tl::unexpected(one.error());
    network->overrides.push_back(*one);
  }
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  return network;
}

}  // namespace skiptrain::ctl
