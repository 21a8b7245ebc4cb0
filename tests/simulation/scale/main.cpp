// How elections grow with the cluster: time to the first primary and of a failover, messages and
// bytes, over the latency matrix.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "simulation/scale/trial.h"

namespace {

using regent::Duration;
using regent::simulation::Measured;
using regent::simulation::Size;
using regent::simulation::Traffic;
using regent::simulation::Trial;

// Several clusters of one size.
struct Row {
  Size size;
  std::vector<Measured> runs;

  double median(const std::function<double(const Measured&)>& value) const {
    std::vector<double> values;
    for (const Measured& run : runs) values.push_back(value(run));
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
};

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

double milliseconds(Duration span) {
  return 1000 * seconds(span);
}

// A second and region, on average, in the calm.
double per_region(const Row& row, const std::function<double(const Traffic::Period&)>& value) {
  return row.median([&](const Measured& run) {
    return value(run.calm) / seconds(run.watched) / row.size.regions;
  });
}

double wide_messages(const Row& row) {
  return per_region(row, [](const auto& calm) { return double(calm.wide_total().messages); });
}

Row measure(Size size, std::uint64_t seeds) {
  Row row{size, {}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    row.runs.push_back(Trial(size, seed).run());
    if (!row.runs.back().problem.empty()) break;
  }
  return row;
}

// Kilobytes and megabits are decimal.
void print_times(const Row& row) {
  const double regions = row.size.regions;
  const auto median = [&](auto value) { return row.median(value); };
  std::printf("| %u | %u | %.0f | %.0f / %.0f | %.0f | %.0f / %.0f |\n", row.size.regions,
              row.size.nodes,
              median([](const Measured& run) { return milliseconds(run.first_primary); }),
              median([&](const Measured& run) {
                return double(run.election.wide_total().messages) / regions;
              }),
              median([&](const Measured& run) {
                return double(run.election.wide_total().bytes) / regions / 1000;
              }),
              median([](const Measured& run) { return milliseconds(run.failover); }),
              median([&](const Measured& run) {
                return double(run.after_crash.wide_total().messages) / regions;
              }),
              median([&](const Measured& run) {
                return double(run.after_crash.wide_total().bytes) / regions / 1000;
              }));
}

void print_calm(const Row& row) {
  const auto wide = [&](Traffic::Kind kind) {
    return per_region(row, [&](const auto& calm) { return double(calm.wide[kind].messages); });
  };
  const auto share = [&](Traffic::Kind kind) {
    return per_region(row, [&](const auto& calm) { return double(calm.wide[kind].bytes) / 1000; });
  };
  std::printf(
      "| %u | %u | %.0f | %.0f, %.0f, %.0f | %.0f | %.0f, %.0f, %.0f | %.0f | %.0f | %.0f | "
      "%.2f |\n",
      row.size.regions, row.size.nodes, wide_messages(row), wide(Traffic::heartbeats),
      wide(Traffic::rounds), wide(Traffic::tallies),
      per_region(row, [](const auto& calm) { return double(calm.wide_total().bytes) / 1000; }),
      share(Traffic::heartbeats), share(Traffic::rounds), share(Traffic::tallies),
      per_region(row, [](const auto& calm) { return double(calm.local_total().messages); }),
      per_region(row, [](const auto& calm) { return double(calm.local_total().bytes) / 1000; }),
      per_region(row, [](const auto& calm) { return double(calm.answers); }),
      row.median([](const Measured& run) {
        return 8e-6 * double(run.calm.most_bytes) / seconds(run.watched);
      }));
}

void print(const std::vector<Row>& rows) {
  std::printf(
      "| regions | nodes each | first primary, ms | per region: messages / kB | failover, ms | "
      "per region: messages / kB |\n|---|---|---|---|---|---|\n");
  for (const Row& row : rows) print_times(row);
  std::printf(
      "\n| regions | nodes each | sent to other regions, messages/s | heartbeats, rounds, tallies "
      "| kB/s | heartbeats, rounds, tallies | in the region, messages/s | kB/s | answers to "
      "verify/s | busiest gateway, Mbit/s |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) print_calm(row);
}

// Messages between regions must not depend on how many nodes a region has. A single node decides
// its region by its answer; several decide it before the last of them has answered, and what the
// others say follows in one message more.
bool grows_by_regions_only(const std::vector<Row>& rows) {
  constexpr double kTolerance = 1.1;
  bool good = true;
  for (const Row& row : rows) {
    const double rounds = per_region(
        row, [](const auto& calm) { return double(calm.wide[Traffic::rounds].messages); });
    const double most = wide_messages(row) + (row.size.nodes == 1 ? rounds : 0);
    for (const Row& other : rows) {
      if (other.size.regions != row.size.regions || other.size.nodes <= row.size.nodes) continue;
      const double messages = wide_messages(other);
      if (messages <= kTolerance * most && messages >= wide_messages(row) / kTolerance) continue;
      std::printf(
          "%u regions: a region of %u nodes sends %.0f messages/s to others, one of %u %.0f\n",
          row.size.regions, other.size.nodes, messages, row.size.nodes, wide_messages(row));
      good = false;
    }
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::uint16_t> regions{5, 25, 100};
  std::vector<std::uint32_t> nodes{1, 10, 100};
  std::uint64_t seeds = 3;
  CLI::App app("Elections in clusters of growing size");
  app.add_option("--regions", regions, "How many regions")->check(CLI::Range(2, 500));
  app.add_option("--nodes", nodes, "Nodes of each region")->check(CLI::Range(1, 500));
  app.add_option("--seeds", seeds, "Clusters of each size")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);

  std::vector<Row> rows;
  for (const std::uint16_t r : regions) {
    for (const std::uint32_t n : nodes) {
      const auto begun = std::chrono::steady_clock::now();
      rows.push_back(measure({r, n}, seeds));
      const Measured& last = rows.back().runs.back();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
      std::fprintf(stderr, "%u regions of %u nodes: %zu clusters in %.1f s\n", r, n,
                   rows.back().runs.size(), took.count());
      if (last.problem.empty()) continue;
      std::printf("%u regions of %u nodes, seed %zu: %s\n", r, n, rows.back().runs.size(),
                  last.problem.c_str());
      return 1;
    }
  }
  print(rows);
  return grows_by_regions_only(rows) ? 0 : 1;
}
