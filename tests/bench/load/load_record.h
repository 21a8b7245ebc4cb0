#pragma once

#include <cstdint>
#include <string>
#include <vector>

// What the load generator remembers of each write, and how it says so.
namespace regent::load {

enum class Outcome : std::uint8_t {
  acknowledged,  // an answer of success
  refused,       // an answer that says that the write was not taken
  unknown,       // an answer that says that nobody can know: "outcome":"unknown"
  timed_out,     // no answer in time
  lost,          // the connection ended without a whole answer
  unreachable,   // the connection could not be made: nothing was sent
  not_sent,      // too many writes were outstanding at this gateway already
};
inline constexpr std::size_t kOutcomes = 7;
const char* outcome_name(Outcome outcome);

// Instants are nanoseconds of CLOCK_MONOTONIC, which the backends record by, too.
struct Write {
  std::uint64_t number = 0;  // its id is PREFIX-number
  std::uint32_t gateway = 0;
  bool has_key = false;         // it carried an Idempotency-Key
  std::int64_t due_ns = 0;      // when its turn came, whether it could be sent then or not
  std::int64_t answered_ns = 0;  // when its outcome was known
  Outcome outcome = Outcome::not_sent;
  unsigned status = 0;      // 0: no answer
  std::uint64_t epoch = 0;  // as the answer says; 0: it does not
  std::string region;
  std::string error;  // of what failed: the code in the answer's body, or the connection's error
};

std::int64_t monotonic_ns();

// The summary as one line of JSON: counts by outcome, the longest gap between acknowledged writes
// and latencies (from due_ns to answered_ns) for each gateway and for all, and the epochs in the
// order in which they were first answered. `writes` in the order of their numbers.
std::string summary(const std::vector<Write>& writes, const std::vector<std::string>& gateways);

// Comma-separated, one line a write under a line of names. False when the file cannot be written.
bool save(const std::string& path, const std::string& prefix, const std::vector<Write>& writes,
          const std::vector<std::string>& gateways);

}  // namespace regent::load
