#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "quorum/result.h"
#include "quorum/types.h"
#include "topology/topology.h"

// Processes that are stopped or paused for a drill. A gateway can do that to no other process: it
// asks whoever runs them all, `regent local`, which carries it out and ends it at its time.
namespace regent {

// What one gateway wants of the processes, named REGION/NAME. Replaces what it wanted before.
struct ProcessFaults {
  std::string from;                // the gateway
  Duration length{};               // then it is over; up to kLongestFaults
  std::vector<std::string> stop;   // killed, and started again in the end
  std::vector<std::string> pause;  // stopped in whatever they do, and continued in the end
};

// The process of that name, REGION/NAME.
using AnyProcess = std::variant<GatewayId, NodeId>;
std::optional<AnyProcess> find_process(const Topology& topology, const std::string& name);

// The two ends of a socket of datagrams, which does not block.
// Errors: nobody reads at the other end, or has not for long.
Status send_process_faults(int socket, const ProcessFaults& faults);
// The next that has come. nullopt: none has. Errors: it cannot be read.
std::optional<Result<ProcessFaults>> receive_process_faults(int socket);

std::string to_text(const ProcessFaults& faults);
Result<ProcessFaults> parse_process_faults(const std::string& text);

// What all gateways together want. A process is stopped or paused while any of them wants it. Pure.
class ProcessFaultBook {
 public:
  enum class State : std::uint8_t { running, paused, stopped };

  void take(const ProcessFaults& faults, Instant now);
  // That gateway has ended or is paused itself, so it could not call off what it wanted.
  void forget(const std::string& gateway) { wishes_.erase(gateway); }
  State wanted(const std::string& process, Instant now) const;
  // When the first of the wishes is over; kNever: there is none.
  Instant next_deadline() const;
  // Drops those that are over.
  void expire(Instant now);

 private:
  struct Wish {
    ProcessFaults faults;
    Instant until;
  };
  std::map<std::string, Wish> wishes_;  // by gateway
};

}  // namespace regent
