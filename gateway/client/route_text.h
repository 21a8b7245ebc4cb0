#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/client/route.h"

// What Redis and the gateways write, as routes. Nothing of it is trusted: each field is checked,
// and errors (ErrorCode::invalid) name the field and what is wrong with it.
namespace regent::client {

// A lease the topology would allow; what claims to last longer was not written by Regent.
inline constexpr Duration kLongestLease = std::chrono::hours(1);
inline constexpr std::size_t kMaxGateways = 1000;  // of one service

// A route and how long it held when the answer was made.
struct Shown {
  Route route;
  Duration left{};
};

// The fields of the hash `regent:{CLUSTER}:route`, in any order, and the reply to PTTL, in ms.
Result<Shown> shown_by_hash(const std::vector<std::pair<std::string, std::string>>& fields,
                            std::int64_t pttl_ms);

// The body of 200 to `GET /v1/route`.
Result<Shown> shown_by_gateway(const std::string& json);

// A message of the channel `regent:{CLUSTER}:route`. It says nothing on how long its route holds.
struct Announcement {
  Epoch epoch;
  bool given_back = false;  // no primary any more
};
Result<Announcement> parse_announcement(const std::string& json);

// `"message"` of an answer other than 200, else "".
std::string message_of(const std::string& json);

}  // namespace regent::client
