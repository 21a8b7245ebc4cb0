// Cost of analysing a topology of 9 regions x 9 nodes, whose goal is at most 1 s for all of
// `regent topology check`: equal weights, weights all unlike, and in one flat group.

#include <benchmark/benchmark.h>

#include "topology/availability.h"
#include "topology/flaws.h"
#include "topology/load.h"
#include "topology/power.h"
#include "topology/survival.h"
#include "topology/timing_advice.h"
#include "topology/transition.h"

namespace regent {
namespace {

constexpr int kSide = 9;

enum class Shape { equal, uneven, flat, flat_uneven };

// Weights that have few sums in common.
int weight(Shape shape, int index) {
  constexpr int kPrimes[] = {97, 101, 103, 107, 109, 113, 127, 131, 137};
  return shape == Shape::equal || shape == Shape::flat ? 1 : kPrimes[index % kSide] + index;
}

Topology nine_by_nine(Shape shape) {
  const bool flat = shape == Shape::flat || shape == Shape::flat_uneven;
  std::string yaml = std::string("cluster: c\nquorum: ") + (flat ? "weighted" : "hierarchical") +
                     "\nregions:\n";
  for (int r = 0; r < kSide; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { weight: " + std::to_string(flat ? 1 : weight(shape, r)) +
            ", gateways: { g: " + name + "0 }, nodes: {";
    for (int n = 1; n <= kSide; ++n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": { address: " + name + number +
              ", weight: " + std::to_string(weight(shape, flat ? r * kSide + n : n)) + " }";
    }
    yaml += " } }\n";
  }
  LoadedTopology loaded = parse_topology(yaml, "bench.yaml");
  CHECK(loaded.errors.empty());
  return std::move(loaded.topology);
}

template <typename Analysis>
void run(benchmark::State& state, Analysis analyse) {
  const Topology topology = nine_by_nine(static_cast<Shape>(state.range(0)));
  for (auto _ : state) analyse(topology);
}

void survival(benchmark::State& state) {
  run(state, [](const Topology& topology) { benchmark::DoNotOptimize(survival_of(topology)); });
}
void power(benchmark::State& state) {
  run(state, [](const Topology& topology) {
    const Power found = power_of(topology);
    CHECK(found.exact);
    benchmark::DoNotOptimize(found);
  });
}
void flaws(benchmark::State& state) {
  run(state, [](const Topology& topology) { benchmark::DoNotOptimize(flaws_of(topology)); });
}
void availability(benchmark::State& state) {
  run(state, [&](const Topology& topology) {
    const Unavailability found =
        unavailability_of(topology, Failures::everywhere(topology, 0.001, 0.01, 0.001));
    state.counters["exact"] = found.exact() ? 1 : 0;
  });
}
void availability_without_links(benchmark::State& state) {
  run(state, [](const Topology& topology) {
    CHECK(unavailability_of(topology, Failures::everywhere(topology, 0.001, 0.01, 0)).exact());
  });
}
void majority_beside_it(benchmark::State& state) {
  run(state, [](const Topology& topology) {
    benchmark::DoNotOptimize(unavailability_of(
        as_majority(topology), Failures::everywhere(topology, 0.001, 0.01, 0.001)));
  });
}
void timing(benchmark::State& state) {
  run(state, [](const Topology& topology) {
    RoundTrips trips = RoundTrips::unknown(topology);
    CHECK(trips.set(topology, "80ms").ok());
    benchmark::DoNotOptimize(timing_advice(topology, trips));
  });
}
void quorums_of_two(benchmark::State& state) {
  run(state, [](const Topology& topology) {
    benchmark::DoNotOptimize(quorums_meet(topology, topology));
  });
}

constexpr auto kMs = benchmark::kMillisecond;
BENCHMARK(survival)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(power)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(flaws)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(availability)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(availability_without_links)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(majority_beside_it)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(timing)->DenseRange(0, 3)->Unit(kMs);
BENCHMARK(quorums_of_two)->DenseRange(0, 3)->Unit(kMs);

}  // namespace
}  // namespace regent

BENCHMARK_MAIN();
