#include "topology/parse.h"

namespace regent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// More threads than any machine has cores, more connections than it has ports.
constexpr std::uint32_t kMaxThreads = 1024;
constexpr std::uint32_t kMaxConnections = 1'000'000;
constexpr std::uint32_t kMaxFailures = 1000;
constexpr Duration kShortest = milliseconds(1);
constexpr Duration kLongest = hours(24);

void parse_threads(const Field& field, std::uint32_t& out) {
  const auto text = field.text();
  if (!text || *text == "auto") return;
  if (text->find_first_not_of("0123456789") != std::string::npos) {
    field.error("must be auto (one a core) or a whole number from 1 to " +
                std::to_string(kMaxThreads) + ", is '" + printable(*text, 40) + "'");
    return;
  }
  if (const auto count = field.integer(1, kMaxThreads)) out = static_cast<std::uint32_t>(*count);
}

}  // namespace

void parse_timeouts(const Field& field, Service& service) {
  Timeouts& timeouts = service.timeouts;
  const Section section(field, {"head", "body", "connect", "answer", "idle"});
  section.duration("head", kShortest, kLongest, timeouts.head);
  section.duration("body", kShortest, kLongest, timeouts.body);
  section.duration("connect", kShortest, kLongest, timeouts.connect);
  section.duration("answer", kShortest, kLongest, timeouts.answer);
  section.duration("idle", kShortest, kLongest, timeouts.idle);
  if (service.protocol == Protocol::http) return;
  for (const char* key : {"head", "body", "answer"}) {
    if (section.has(key)) {
      field.findings().warn(field.path() + "." + key,
                            "has no effect: a tcp service knows no requests");
    }
  }
}

void parse_backend_limits(const Field& field, BackendLimits& limits) {
  const Section section(field, {"connections", "queue", "queue_wait"});
  section.integer("connections", 1, kMaxConnections, limits.connections);
  section.integer("queue", 0, kMaxConnections, limits.queue);
  section.duration("queue_wait", kShortest, hours(1), limits.queue_wait);
  if (limits.queue == 0 && section.has("queue_wait") && !field.findings().broken(field.path())) {
    field.findings().warn(field.path() + ".queue_wait",
                          "has no effect: with queue: 0 nothing waits for a connection");
  }
}

void parse_ejection(const Field& field, Ejection& ejection) {
  const Section section(field, {"failures", "for"});
  section.integer("failures", 0, kMaxFailures, ejection.failures);
  section.duration("for", milliseconds(10), hours(1), ejection.duration);
  if (ejection.failures == 0 && section.has("for") && !field.findings().broken(field.path())) {
    field.findings().warn(field.path() + ".for",
                          "has no effect: with failures: 0 no backend is put aside");
  }
}

void parse_traffic(const Field& field, Traffic& traffic) {
  const Section section(field,
                        {"threads", "max_connections", "max_held", "max_held_bytes", "stop_limit"});
  if (const auto threads = section.find("threads")) parse_threads(*threads, traffic.threads);
  section.integer("max_connections", 1, kMaxConnections, traffic.max_connections);
  section.integer("max_held", 0, kMaxConnections, traffic.max_held);
  if (const auto bytes = section.find("max_held_bytes")) {
    traffic.max_held_bytes = bytes->bytes().value_or(traffic.max_held_bytes);
  }
  section.duration("stop_limit", milliseconds(0), hours(1), traffic.stop_limit);
}

}  // namespace regent
