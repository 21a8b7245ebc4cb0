#include "simulation/scale/traffic.h"

#include <algorithm>
#include <utility>

namespace regent::simulation {
namespace {

constexpr std::size_t kFrameHeader = 4;
// ECDSA over P-256 in DER: 70 to 72 bytes.
constexpr std::size_t kSignatureBytes = 71;

// Few enough bits for each, so that equal keys mean equal sizes.
std::uint64_t key_of(Traffic::Kind kind, const Question& question, std::uint64_t count,
                     std::uint64_t more) {
  std::uint64_t key = kind;
  key = key << 2 | static_cast<std::uint64_t>(question.kind);
  key = key << 20 | (question.epoch.value & 0xfffff);
  key = key << 20 | (count & 0xfffff);
  return key << 16 | (more & 0xffff);
}

}  // namespace

Traffic::Sum& Traffic::Sum::operator+=(const Sum& other) {
  messages += other.messages;
  bytes += other.bytes;
  return *this;
}

Traffic::Sum Traffic::Period::wide_total() const {
  Sum total;
  for (const Sum& sum : wide) total += sum;
  return total;
}

Traffic::Sum Traffic::Period::local_total() const {
  Sum total;
  for (const Sum& sum : local) total += sum;
  return total;
}

Traffic::Traffic(const World& world)
    : world_(world), codec_(world.topology), by_gateway_(world.topology.gateways.size()) {}

std::uint64_t Traffic::round_size(const RoundMessage& round) {
  const std::uint64_t key = key_of(rounds, round.question, 0, 0);
  const auto known = sizes_.find(key);
  if (known != sizes_.end()) return known->second;
  return sizes_[key] = codec_.encode(round).size();
}

std::uint64_t Traffic::tally_size(const TallyMessage& tally) {
  const Answer& first = tally.answers.front().answer;
  std::uint64_t granted = 0;
  for (const SignedAnswer& given : tally.answers) {
    granted += given.answer.verdict == Verdict::granted ? 1 : 0;
  }
  const std::uint64_t more = granted << 1 | (first.wait > Duration::zero() ? 1 : 0);
  const std::uint64_t key = key_of(tallies, first.question, tally.answers.size(), more);
  const auto known = sizes_.find(key);
  if (known != sizes_.end()) return known->second;
  TallyMessage real = tally;
  for (SignedAnswer& given : real.answers) {
    given.signature.assign(kSignatureBytes, 's');
    given.fingerprint.assign(Codec::kFingerprintBytes, 'f');
  }
  return sizes_[key] = codec_.encode(real).size();
}

std::uint64_t Traffic::size_of(const PeerMessage& message) {
  if (const auto* round = std::get_if<RoundMessage>(&message)) return round_size(*round);
  const auto* tally = std::get_if<TallyMessage>(&message);
  if (tally != nullptr && !tally->answers.empty()) return tally_size(*tally);
  return codec_.encode(message).size();
}

void Traffic::count(ProcessId from, ProcessId to, const PeerMessage& message) {
  Kind kind = others;
  if (std::holds_alternative<Heartbeat>(message)) kind = heartbeats;
  if (std::holds_alternative<RoundMessage>(message)) kind = rounds;
  const std::size_t gateways = world_.topology.gateways.size();
  if (const auto* tally = std::get_if<TallyMessage>(&message)) {
    kind = tallies;
    if (to < gateways) period_.answers += tally->answers.size();
  }
  const Sum one{1, kFrameHeader + size_of(message)};
  const bool wide = world_.region_of(from) != world_.region_of(to);
  (wide ? period_.wide : period_.local)[kind] += one;
  if (!wide) return;
  by_gateway_.at(from) += one;
  by_gateway_.at(to) += one;
}

Traffic::Period Traffic::take() {
  for (Sum& sum : by_gateway_) {
    period_.most_wide = std::max(period_.most_wide, sum.messages);
    period_.most_bytes = std::max(period_.most_bytes, sum.bytes);
    sum = {};
  }
  return std::exchange(period_, {});
}

}  // namespace regent::simulation
