// Cost of looking up the route in a client's memory, as often as it sends a request.

#include <benchmark/benchmark.h>

#include "gateway/client/route_cell.h"
#include "region/clock.h"

namespace regent::client {
namespace {

RouteCell& cell_with_route() {
  static RouteCell cell;
  static const bool published =
      cell.publish({Epoch{7}, "us-east", {{"10.0.1.10", 8080}, {"10.0.1.15", 8080}}, {}}, kNever);
  CHECK(published);
  return cell;
}

// As RouteClient::route() does it. Goal: at most 100 ns.
void look_up(benchmark::State& state) {
  const RouteCell& cell = cell_with_route();
  for (auto _ : state) {
    const RouteView view = cell.look(boot_now());
    benchmark::DoNotOptimize(view->gateways.front().port);
  }
}
BENCHMARK(look_up);
// All at once: each thread must pay what one alone does.
BENCHMARK(look_up)->Threads(2)->UseRealTime();

void look_at_the_clock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(boot_now());
}
BENCHMARK(look_at_the_clock);

}  // namespace
}  // namespace regent::client

BENCHMARK_MAIN();
