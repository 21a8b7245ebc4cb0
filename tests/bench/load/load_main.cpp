// Writes at a fixed rate through several gateways at once, and what became of each of them.
//   regent_load --gateway us-east=10.0.1.10:8080@NETWORK ... --rate 2000 --seconds 10
// Prints a summary as one line of JSON when the time is over or SIGTERM or SIGINT comes. Exits with
// 0 when every write was acknowledged, 1 when some was not, 64 on wrong usage.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>
#include <Poco/Exception.h>

#include "tests/bench/load/generator.h"

namespace {

using namespace regent;
using namespace regent::load;

constexpr int kWrongUsage = 64;

// NAME=HOST:PORT or NAME=HOST:PORT@NETWORK
std::optional<Target> parse_target(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  const std::size_t at = text.find('@', equals);
  Target target;
  target.name = text.substr(0, equals);
  if (at != std::string::npos) target.network = text.substr(at + 1);
  if (!target.network.empty() && ::access(("/run/netns/" + target.network).c_str(), R_OK) != 0) {
    return std::nullopt;
  }
  try {
    target.address = Poco::Net::SocketAddress(text.substr(equals + 1, at - equals - 1));
  } catch (const Poco::Exception&) {
    return std::nullopt;
  }
  return target;
}

// Runs until the time is over (0: no limit) or one of `ends` comes, then until all is answered.
void run(EventLoop& loop, Generator& generator, const sigset_t& ends, double seconds) {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  loop.start();
  loop.run_and_wait([&] {
    generator.start([&] {
      const std::scoped_lock lock(mutex);
      over = true;
      changed.notify_one();
    });
  });
  if (seconds > 0) {
    const timespec length{static_cast<time_t>(seconds),
                          static_cast<long>((seconds - std::floor(seconds)) * 1e9)};
    sigtimedwait(&ends, nullptr, &length);
  } else {
    int signal = 0;
    sigwait(&ends, &signal);
  }
  loop.run_and_wait([&] { generator.stop(); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return over; });
  }
  loop.stop();
}

int finish(const Generator& generator, const std::string& records) {
  std::vector<std::string> names;
  for (const Target& gateway : generator.plan().gateways) names.push_back(gateway.name);
  const std::vector<Write>& writes = generator.writes();
  if (!records.empty() && !save(records, generator.plan().prefix, writes, names)) {
    std::fprintf(stderr, "regent_load: cannot write %s\n", records.c_str());
    return EXIT_FAILURE;
  }
  std::printf("%s\n", summary(writes, names).c_str());
  const bool all = std::all_of(writes.begin(), writes.end(), [](const Write& write) {
    return write.outcome == Outcome::acknowledged;
  });
  return all ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  Plan plan;
  plan.prefix = "load-" + std::to_string(::getpid());
  std::vector<std::string> gateways;
  std::string records;
  double seconds = 0;
  double timeout = 30;
  CLI::App app{"Writes at a fixed rate through several gateways"};
  app.add_option("--gateway", gateways, "NAME=HOST:PORT[@NETWORK], repeatable")->required();
  app.add_option("--rate", plan.rate, "writes a second, all gateways together")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds, "how long; 0: until SIGTERM")->check(CLI::NonNegativeNumber);
  app.add_option("--timeout", timeout, "seconds a write waits for its answer");
  app.add_option("--outstanding", plan.max_outstanding, "unanswered writes at a gateway, at most");
  app.add_option("--connections", plan.connections,
                 "connections to each gateway that are always open and take turns");
  app.add_option("--uses", plan.uses, "answers after which a connection makes way for a new one");
  app.add_option("--prefix", plan.prefix, "of the orders' ids");
  app.add_option("--records", records, "file for one line a write");
  app.add_option("--keys", plan.keys, "which writes carry an Idempotency-Key: none, half, all")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Keys>{
              {"none", Keys::none}, {"half", Keys::half}, {"all", Keys::all}}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kWrongUsage;
  }
  plan.timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(timeout));
  for (const std::string& text : gateways) {
    const auto target = parse_target(text);
    if (!target) {
      std::fprintf(stderr, "regent_load: --gateway %s: not NAME=HOST:PORT[@NETWORK]\n",
                   text.c_str());
      return kWrongUsage;
    }
    plan.gateways.push_back(*target);
  }
  EventLoop loop("load");
  Generator generator(loop, std::move(plan));
  run(loop, generator, ends, seconds);
  return finish(generator, records);
}
