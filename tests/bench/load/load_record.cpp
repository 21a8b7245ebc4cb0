#include "tests/bench/load/load_record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <map>
#include <sstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

namespace regent::load {
namespace {

double milliseconds(std::int64_t ns) {
  return static_cast<double>(ns / 1000) / 1e3;
}

// Of sorted latencies: the smallest that at least this share does not exceed.
double percentile(const std::vector<std::int64_t>& sorted, double share) {
  const auto place = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return milliseconds(sorted[std::min(place, sorted.size() - 1)]);
}

Poco::JSON::Object counts_of(const std::vector<const Write*>& writes) {
  std::array<std::uint64_t, kOutcomes> counts{};
  for (const Write* write : writes) ++counts[static_cast<std::size_t>(write->outcome)];
  Poco::JSON::Object shown;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    shown.set(outcome_name(static_cast<Outcome>(i)), counts[i]);
  }
  return shown;
}

Poco::JSON::Object describe(const std::vector<const Write*>& writes) {
  std::vector<std::int64_t> answered;
  std::vector<std::int64_t> latencies;
  for (const Write* write : writes) {
    if (write->outcome != Outcome::acknowledged) continue;
    answered.push_back(write->answered_ns);
    latencies.push_back(write->answered_ns - write->due_ns);
  }
  std::sort(answered.begin(), answered.end());
  std::sort(latencies.begin(), latencies.end());
  std::int64_t gap = 0;
  for (std::size_t i = 1; i < answered.size(); ++i) {
    gap = std::max(gap, answered[i] - answered[i - 1]);
  }
  Poco::JSON::Object shown;
  shown.set("writes", writes.size());
  shown.set("outcomes", counts_of(writes));
  shown.set("longest_gap_ms", milliseconds(gap));
  Poco::JSON::Object latency;
  if (!latencies.empty()) {
    latency.set("p50", percentile(latencies, 0.5));
    latency.set("p99", percentile(latencies, 0.99));
    latency.set("p99.9", percentile(latencies, 0.999));
    latency.set("max", milliseconds(latencies.back()));
  }
  shown.set("latency_ms", latency);
  return shown;
}

// An epoch as answers told of it: each change of the epoch from one answer to the next is listed,
// so that one that goes back shows.
Poco::JSON::Array epochs_of(std::vector<const Write*> writes) {
  std::erase_if(writes, [](const Write* it) { return it->outcome != Outcome::acknowledged; });
  std::sort(writes.begin(), writes.end(), [](const Write* one, const Write* other) {
    return one->answered_ns < other->answered_ns;
  });
  struct Seen {
    std::string region;
    std::uint64_t writes = 0;
  };
  std::vector<std::uint64_t> order;
  std::map<std::uint64_t, Seen> epochs;
  for (const Write* write : writes) {
    Seen& seen = epochs[write->epoch];
    if (seen.writes++ == 0) order.push_back(write->epoch);
    seen.region = write->region;
  }
  Poco::JSON::Array shown;
  for (const std::uint64_t epoch : order) {
    Poco::JSON::Object about;
    about.set("epoch", epoch);
    about.set("region", epochs[epoch].region);
    about.set("acknowledged", epochs[epoch].writes);
    shown.add(about);
  }
  return shown;
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  static constexpr std::array<const char*, kOutcomes> kNames = {
      "acknowledged", "refused", "unknown", "timed_out", "lost", "unreachable", "not_sent"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::int64_t monotonic_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string summary(const std::vector<Write>& writes, const std::vector<std::string>& gateways) {
  std::vector<const Write*> all;
  std::vector<std::vector<const Write*>> by_gateway(gateways.size());
  for (const Write& write : writes) {
    all.push_back(&write);
    by_gateway[write.gateway].push_back(&write);
  }
  Poco::JSON::Object shown = describe(all);
  Poco::JSON::Object each;
  for (std::size_t i = 0; i < gateways.size(); ++i) each.set(gateways[i], describe(by_gateway[i]));
  shown.set("gateways", each);
  shown.set("epochs", epochs_of(all));
  std::ostringstream text;
  shown.stringify(text);
  return text.str();
}

bool save(const std::string& path, const std::string& prefix, const std::vector<Write>& writes,
          const std::vector<std::string>& gateways) {
  std::ofstream file(path, std::ios::trunc);
  file << "id,gateway,key,due_ns,answered_ns,outcome,status,epoch,region,error\n";
  for (const Write& write : writes) {
    std::string error = write.error;
    std::replace_if(
        error.begin(), error.end(), [](char c) { return c == ',' || c < ' '; }, ';');
    file << prefix << '-' << write.number << ',' << gateways[write.gateway] << ','
         << (write.has_key ? 1 : 0) << ',' << write.due_ns << ',' << write.answered_ns << ','
         << outcome_name(write.outcome) << ',' << write.status << ',' << write.epoch << ','
         << write.region << ',' << error << '\n';
  }
  file.flush();
  return file.good();
}

}  // namespace regent::load
