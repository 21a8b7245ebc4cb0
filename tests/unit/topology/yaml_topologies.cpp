#include "tests/unit/topology/yaml_topologies.h"

#include <gtest/gtest.h>

#include "topology/load.h"

namespace regent {

Topology parsed(const std::string& yaml) {
  LoadedTopology loaded = parse_topology(yaml, "t.yaml");
  for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
  return std::move(loaded.topology);
}

std::string square(std::size_t side, const std::string& kind) {
  std::string yaml = "cluster: c\nquorum: " + kind + "\nregions:\n";
  for (std::size_t r = 0; r < side; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (std::size_t n = 1; n <= side; ++n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": " + name + number;
    }
    yaml += " } }\n";
  }
  return yaml;
}

std::string uneven_square(std::size_t side) {
  std::string yaml = "cluster: c\nquorum: weighted\nregions:\n";
  std::size_t weight = 1000;
  for (std::size_t r = 0; r < side; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (std::size_t n = 1; n <= side; ++n, weight += weight / 50 + n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": { address: " + name + number +
              ", weight: " + std::to_string(weight) + " }";
    }
    yaml += " } }\n";
  }
  return yaml;
}

Topology nine_times_nine_uneven(int most) {
  std::string yaml = "cluster: c\nquorum: weighted\nregions:\n";
  for (int r = 0; r < 9; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (int n = 1; n <= 9; ++n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": { address: " + name + number +
              ", weight: " + std::to_string(1 + (r * 3701 + n * n * 1103 + r * n * 17) % most) +
              " }";
    }
    yaml += " } }\n";
  }
  return parsed(yaml);
}

}  // namespace regent
