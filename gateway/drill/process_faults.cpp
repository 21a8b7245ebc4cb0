#include "gateway/drill/process_faults.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include "gateway/drill/fault_order.h"

namespace regent {
namespace {

constexpr std::size_t kMaxMessageBytes = 64 * 1024;

}  // namespace

std::optional<AnyProcess> find_process(const Topology& topology, const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto region = topology.find_region(name.substr(0, slash));
  if (!region) return std::nullopt;
  const std::string own = name.substr(slash + 1);
  if (const auto gateway = topology.find_gateway(*region, own)) return *gateway;
  if (const auto node = topology.find_node(*region, own)) return *node;
  return std::nullopt;
}

// One word a line: "from us-west/gw1", "ms 5000", "stop us-east/gw1", "pause us-east/n1".
std::string to_text(const ProcessFaults& faults) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(faults.length).count();
  std::string text = "from " + faults.from + "\nms " + std::to_string(ms) + "\n";
  for (const std::string& name : faults.stop) text += "stop " + name + "\n";
  for (const std::string& name : faults.pause) text += "pause " + name + "\n";
  return text;
}

Result<ProcessFaults> parse_process_faults(const std::string& text) {
  ProcessFaults faults;
  std::istringstream lines(text);
  std::string key;
  std::string value;
  while (lines >> key >> value) {
    if (key == "from") {
      faults.from = value;
    } else if (key == "stop") {
      faults.stop.push_back(value);
    } else if (key == "pause") {
      faults.pause.push_back(value);
    } else if (std::int64_t ms = 0; key == "ms") {
      const char* end = value.data() + value.size();
      const auto [last, problem] = std::from_chars(value.data(), end, ms);
      if (problem != std::errc() || last != end || ms < 0 ||
          std::chrono::milliseconds(ms) > kLongestFaults) {
        return Error{ErrorCode::invalid, "no length of faults: " + value};
      }
      faults.length = std::chrono::milliseconds(ms);
    } else {
      return Error{ErrorCode::invalid, "unknown word " + key};
    }
  }
  if (faults.from.empty()) return Error{ErrorCode::invalid, "it does not say from whom it comes"};
  return faults;
}

Status send_process_faults(int socket, const ProcessFaults& faults) {
  const std::string text = to_text(faults);
  if (send(socket, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
      static_cast<ssize_t>(text.size())) {
    return Done{};
  }
  return Error{ErrorCode::io,
               std::string("`regent local` cannot be told: ") + std::strerror(errno)};
}

std::optional<Result<ProcessFaults>> receive_process_faults(int socket) {
  std::string text(kMaxMessageBytes, '\0');
  const ssize_t got = recv(socket, text.data(), text.size(), MSG_DONTWAIT);
  if (got <= 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  return parse_process_faults(text);
}

void ProcessFaultBook::take(const ProcessFaults& faults, Instant now) {
  wishes_.insert_or_assign(faults.from, Wish{faults, now + faults.length});
}

ProcessFaultBook::State ProcessFaultBook::wanted(const std::string& process, Instant now) const {
  State state = State::running;
  for (const auto& [gateway, wish] : wishes_) {
    if (now >= wish.until) continue;
    if (std::ranges::count(wish.faults.stop, process) > 0) return State::stopped;
    if (std::ranges::count(wish.faults.pause, process) > 0) state = State::paused;
  }
  return state;
}

Instant ProcessFaultBook::next_deadline() const {
  Instant next = kNever;
  for (const auto& [gateway, wish] : wishes_) next = std::min(next, wish.until);
  return next;
}

void ProcessFaultBook::expire(Instant now) {
  std::erase_if(wishes_, [now](const auto& item) { return now >= item.second.until; });
}

}  // namespace regent
