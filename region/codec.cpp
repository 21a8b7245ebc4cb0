#include "region/codec.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "quorum/check.h"
#include "region/packed_hash.h"
#include "region/wire_enums.h"
#include "security/signature.h"
#include "wire.pb.h"

namespace regent {
namespace {

Error invalid(const std::string& text) {
  return {ErrorCode::invalid, text};
}

std::uint64_t span_ns(Duration span) {
  return static_cast<std::uint64_t>(
      std::clamp(span, Duration::zero(), Codec::kLongestSpan).count());
}

Result<Duration> span_of(std::uint64_t ns, Duration longest, const char* field) {
  if (ns > static_cast<std::uint64_t>(longest.count())) {
    return invalid(std::string(field) + ": " + std::to_string(ns) + " ns is too long");
  }
  return Duration(static_cast<std::int64_t>(ns));
}

// Only whole characters: a message with half of one in it would not be read.
std::string cut(std::string_view text) {
  std::size_t end = std::min(text.size(), Codec::kMaxTextBytes);
  const auto inside_character = [&] {
    return end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80;
  };
  while (end > 0 && inside_character()) --end;
  return std::string(text.substr(0, end));
}

Result<std::string> text_of(const std::string& text, const char* field) {
  if (text.size() > Codec::kMaxTextBytes) return invalid(std::string(field) + ": too long");
  return text;
}

// Memory to wire.
struct Packer {
  const Topology& topology;

  const std::string& name(RegionId region) const { return topology.region_name(region); }

  void question(const Question& from, wire::Question& to) const {
    to.set_kind(pack(from.kind));
    to.set_epoch(from.epoch.value);
    to.set_region(name(from.region));
    to.set_incarnation(from.incarnation.value);
    to.set_lease_ns(span_ns(from.lease));
    to.set_round(from.round.value);
  }

  void answer(const SignedAnswer& from, const Question& common, wire::Answer& to) const {
    const TopologyNode& node = topology.node(from.answer.node);
    to.set_node_region(name(node.region));
    to.set_node_name(node.name);
    to.set_verdict(pack(from.answer.verdict));
    to.set_epoch(from.answer.epoch.value);
    to.set_supports(name(from.answer.supports));
    to.set_wait_ns(span_ns(from.answer.wait));
    to.set_signature(from.signature);
    to.set_fingerprint(from.fingerprint);
    to.set_certificate(from.certificate);
    to.set_quorum_hash(pack_hash(from.quorum_hash));
    if (from.answer.question != common) question(from.answer.question, *to.mutable_question());
  }

  void operator()(const Heartbeat& from, wire::Envelope& envelope) const {
    wire::Heartbeat& to = *envelope.mutable_heartbeat();
    to.set_sequence(from.sequence);
    to.set_heard_sequence(from.heard_sequence);
    to.set_heard_ago_ns(span_ns(from.heard_ago));
    to.set_incarnation(from.incarnation.value);
    to.set_version(cut(from.version));
    to.set_topology_version(from.topology_version);
    to.set_topology_hash(pack_hash(from.topology_hash));
    to.set_quorum_hash(pack_hash(from.quorum_hash));
    to.set_region_quorate(from.region_quorate);
    to.set_eligible(from.eligible);
    to.set_healthy_backends(from.healthy_backends);
    to.set_epoch(from.epoch.value);
    to.set_primary(name(from.primary));
    to.set_serving(from.serving);
    to.set_draining(from.draining);
    to.set_drill(cut(from.drill));
    to.set_lease_left_ns(std::min(span_ns(from.lease_left), span_ns(Codec::kLongestLease)));
    to.set_pause_version(from.pause.version);
    to.set_paused(from.pause.paused);
    if (!from.last_reign.known()) return;
    wire::LastReign& reign = *to.mutable_last_reign();
    reign.set_epoch(from.last_reign.epoch.value);
    reign.set_region(name(from.last_reign.region));
    reign.set_handed_over(from.last_reign.handed_over);
  }
  void operator()(const RoundMessage& from, wire::Envelope& envelope) const {
    question(from.question, *envelope.mutable_round()->mutable_question());
    envelope.mutable_round()->set_quorum_hash(pack_hash(from.quorum_hash));
  }
  void operator()(const TallyMessage& from, wire::Envelope& envelope) const {
    CHECK(from.answers.size() <= Codec::kMaxAnswers);
    wire::Tally& to = *envelope.mutable_tally();
    to.set_round(from.round.value);
    if (from.answers.empty()) return;
    const Question& common = from.answers.front().answer.question;
    question(common, *to.mutable_question());
    for (const SignedAnswer& given : from.answers) answer(given, common, *to.add_answers());
  }
  void operator()(const SwitchoverRequest& from, wire::Envelope& envelope) const {
    wire::SwitchoverRequest& to = *envelope.mutable_switchover_request();
    to.set_id(from.id);
    to.set_to(name(from.to));
    to.set_timeout_ns(span_ns(from.timeout));
  }
  void operator()(const SwitchoverReply& from, wire::Envelope& envelope) const {
    wire::SwitchoverReply& to = *envelope.mutable_switchover_reply();
    to.set_id(from.id);
    to.set_outcome(pack(from.outcome));
    to.set_message(cut(from.message));
    to.set_epoch(from.epoch.value);
    to.set_gap_ns(span_ns(from.gap));
  }
  void operator()(const DrainRequest& from, wire::Envelope& envelope) const {
    wire::DrainRequest& to = *envelope.mutable_drain_request();
    to.set_epoch(from.epoch.value);
    to.set_successor(name(from.successor));
    to.set_timeout_ns(span_ns(from.timeout));
  }
  void operator()(const Drained& from, wire::Envelope& envelope) const {
    envelope.mutable_drained()->set_epoch(from.epoch.value);
  }
  void operator()(const HandOver& from, wire::Envelope& envelope) const {
    envelope.mutable_hand_over()->set_epoch(from.epoch.value);
    envelope.mutable_hand_over()->set_successor(name(from.successor));
  }
  void operator()(const DrillNotice& from, wire::Envelope& envelope) const {
    wire::DrillNotice& to = *envelope.mutable_drill_notice();
    to.set_drill(cut(from.drill));
    to.set_running(from.running);
    to.set_ended(cut(from.ended));
    to.set_serves_for_ns(std::min(span_ns(from.serves_for), span_ns(Codec::kLongestLease)));
    to.set_failed_writes(from.failed_writes);
    to.set_cuts_receiver(from.cuts_receiver);
  }
};

// Wire to memory.
struct Unpacker {
  const Topology& topology;

  // `foreign`: sent under another topology, where an unknown name is no mistake.
  Result<RegionId> region(const std::string& name, bool foreign, const char* field) const {
    if (name.empty()) return kNoRegion;
    if (name.size() > Codec::kMaxNameBytes) return invalid(std::string(field) + ": too long");
    if (const auto found = topology.find_region(name)) return *found;
    if (foreign) return kNoRegion;
    return invalid(std::string(field) + ": the topology has no region '" + name + "'");
  }

  Result<Question> question(const wire::Question& from, bool foreign) const {
    const auto kind = unpack(from.kind());
    if (!kind) return invalid("question.kind: unknown value " + std::to_string(from.kind()));
    const auto asking = region(from.region(), foreign, "question.region");
    if (!asking.ok()) return asking.error();
    const auto lease = span_of(from.lease_ns(), Codec::kLongestLease, "question.lease");
    if (!lease.ok()) return lease.error();
    return Question{.kind = *kind,
                    .epoch = Epoch{from.epoch()},
                    .region = *asking,
                    .incarnation = Incarnation{from.incarnation()},
                    .lease = *lease,
                    .round = RoundId{from.round()}};
  }

  // Whether every name in a foreign answer is known here, so that its signature can be checked.
  bool names_known(const wire::Answer& from, const wire::Question& asked) const {
    const auto known = [&](const std::string& name) {
      return name.empty() || topology.find_region(name);
    };
    const auto home = topology.find_region(from.node_region());
    return home && topology.find_node(*home, from.node_name()) && known(from.supports()) &&
           known(asked.region());
  }

  Result<SignedAnswer> answer(const wire::Answer& from, const wire::Question& asked,
                              std::string hash) const {
    const auto home = topology.find_region(from.node_region());
    const auto node = home ? topology.find_node(*home, from.node_name()) : std::nullopt;
    if (!node) {
      return invalid("answer.node: the topology has no node '" +
                     from.node_region().substr(0, Codec::kMaxNameBytes) + "/" +
                     from.node_name().substr(0, Codec::kMaxNameBytes) + "'");
    }
    const auto verdict = unpack(from.verdict());
    if (!verdict) return invalid("answer.verdict: unknown value " + std::to_string(from.verdict()));
    const auto supports = region(from.supports(), false, "answer.supports");
    if (!supports.ok()) return supports.error();
    const auto wait = span_of(from.wait_ns(), 2 * Codec::kLongestLease, "answer.wait");
    if (!wait.ok()) return wait.error();
    if (from.fingerprint().size() != Codec::kFingerprintBytes) {
      return invalid("answer.fingerprint: not 32 bytes");
    }
    if (from.signature().size() > Codec::kMaxSignatureBytes) {
      return invalid("answer.signature: too long");
    }
    if (from.certificate().size() > Codec::kMaxCertificateBytes) {
      return invalid("answer.certificate: too long");
    }
    const auto echo = question(asked, false);
    if (!echo.ok()) return echo.error();
    SignedAnswer to;
    to.answer = {.node = *node,
                 .question = *echo,
                 .verdict = *verdict,
                 .epoch = Epoch{from.epoch()},
                 .supports = *supports,
                 .wait = *wait};
    to.signature = from.signature();
    to.fingerprint = from.fingerprint();
    to.certificate = from.certificate();
    to.quorum_hash = std::move(hash);
    return to;
  }

  Result<PeerMessage> heartbeat(const wire::Heartbeat& from) const {
    Heartbeat to;
    auto whole = unpack_hash(from.topology_hash());
    if (!whole.ok()) return whole.error();
    to.topology_hash = std::move(whole).value();
    auto hash = unpack_hash(from.quorum_hash());
    if (!hash.ok()) return hash.error();
    to.quorum_hash = std::move(hash).value();
    const bool foreign = to.quorum_hash != topology.quorum_hash;
    const auto primary = region(from.primary(), foreign, "primary");
    if (!primary.ok()) return primary.error();
    const auto reigned = region(from.last_reign().region(), foreign, "last_reign");
    if (!reigned.ok()) return reigned.error();
    const auto heard_ago = span_of(from.heard_ago_ns(), Codec::kLongestSpan, "heard_ago");
    if (!heard_ago.ok()) return heard_ago.error();
    const auto lease_left = span_of(from.lease_left_ns(), Codec::kLongestLease, "lease_left");
    if (!lease_left.ok()) return lease_left.error();
    auto version = text_of(from.version(), "version");
    if (!version.ok()) return version.error();
    auto drill = text_of(from.drill(), "drill");
    if (!drill.ok()) return drill.error();
    to.sequence = from.sequence();
    to.heard_sequence = from.heard_sequence();
    to.heard_ago = *heard_ago;
    to.incarnation = Incarnation{from.incarnation()};
    to.version = std::move(version).value();
    to.topology_version = from.topology_version();
    to.region_quorate = from.region_quorate();
    to.eligible = from.eligible();
    to.healthy_backends = from.healthy_backends();
    to.epoch = Epoch{from.epoch()};
    to.primary = *primary;
    to.serving = from.serving();
    to.draining = from.draining();
    to.drill = std::move(drill).value();
    to.lease_left = *lease_left;
    to.pause = {.version = from.pause_version(), .paused = from.paused()};
    to.last_reign = {.epoch = Epoch{from.last_reign().epoch()},
                     .handed_over = from.last_reign().handed_over(),
                     .region = *reigned};
    return PeerMessage(std::move(to));
  }

  Result<PeerMessage> round(const wire::Round& from) const {
    RoundMessage to;
    auto hash = unpack_hash(from.quorum_hash());
    if (!hash.ok()) return hash.error();
    to.quorum_hash = std::move(hash).value();
    const auto asked = question(from.question(), to.quorum_hash != topology.quorum_hash);
    if (!asked.ok()) return asked.error();
    to.question = *asked;
    return PeerMessage(std::move(to));
  }

  Result<PeerMessage> tally(const wire::Tally& from) const {
    if (from.answers_size() > static_cast<int>(Codec::kMaxAnswers)) {
      return invalid("tally: " + std::to_string(from.answers_size()) + " answers, at most " +
                     std::to_string(Codec::kMaxAnswers) + " are allowed");
    }
    TallyMessage to;
    to.round = RoundId{from.round()};
    for (const wire::Answer& given : from.answers()) {
      const wire::Question& asked = given.has_question() ? given.question() : from.question();
      auto hash = unpack_hash(given.quorum_hash());
      if (!hash.ok()) return hash.error();
      if (*hash != topology.quorum_hash && !names_known(given, asked)) continue;
      auto unpacked = answer(given, asked, std::move(hash).value());
      if (!unpacked.ok()) return unpacked.error();
      if (unpacked->answer.question.round != to.round) {
        return invalid("tally: an answer to another round");
      }
      to.answers.push_back(std::move(unpacked).value());
    }
    return PeerMessage(std::move(to));
  }

  Result<PeerMessage> switchover_request(const wire::SwitchoverRequest& from) const {
    const auto to = region(from.to(), false, "switchover.to");
    if (!to.ok()) return to.error();
    const auto timeout = span_of(from.timeout_ns(), Codec::kLongestLease, "switchover.timeout");
    if (!timeout.ok()) return timeout.error();
    return PeerMessage(SwitchoverRequest{.id = from.id(), .to = *to, .timeout = *timeout});
  }

  Result<PeerMessage> switchover_reply(const wire::SwitchoverReply& from) const {
    const auto outcome = unpack(from.outcome());
    if (!outcome) {
      return invalid("switchover.outcome: unknown value " + std::to_string(from.outcome()));
    }
    auto message = text_of(from.message(), "switchover.message");
    if (!message.ok()) return message.error();
    const auto gap = span_of(from.gap_ns(), Codec::kLongestSpan, "switchover.gap");
    if (!gap.ok()) return gap.error();
    return PeerMessage(SwitchoverReply{.id = from.id(),
                                       .outcome = *outcome,
                                       .message = std::move(message).value(),
                                       .epoch = Epoch{from.epoch()},
                                       .gap = *gap});
  }

  Result<PeerMessage> drain_request(const wire::DrainRequest& from) const {
    const auto successor = region(from.successor(), false, "drain.successor");
    if (!successor.ok()) return successor.error();
    const auto timeout = span_of(from.timeout_ns(), Codec::kLongestLease, "drain.timeout");
    if (!timeout.ok()) return timeout.error();
    return PeerMessage(
        DrainRequest{.epoch = Epoch{from.epoch()}, .successor = *successor, .timeout = *timeout});
  }

  Result<PeerMessage> hand_over(const wire::HandOver& from) const {
    const auto successor = region(from.successor(), false, "hand_over.successor");
    if (!successor.ok()) return successor.error();
    return PeerMessage(HandOver{.epoch = Epoch{from.epoch()}, .successor = *successor});
  }

  Result<PeerMessage> drill_notice(const wire::DrillNotice& from) const {
    auto drill = text_of(from.drill(), "drill_notice.drill");
    if (!drill.ok()) return drill.error();
    auto ended = text_of(from.ended(), "drill_notice.ended");
    if (!ended.ok()) return ended.error();
    const auto serves = span_of(from.serves_for_ns(), Codec::kLongestLease, "drill_notice.serves");
    if (!serves.ok()) return serves.error();
    return PeerMessage(DrillNotice{.drill = std::move(drill).value(),
                                   .running = from.running(),
                                   .ended = std::move(ended).value(),
                                   .serves_for = *serves,
                                   .failed_writes = from.failed_writes(),
                                   .cuts_receiver = from.cuts_receiver()});
  }
};

}  // namespace

Codec::Codec(const Topology& topology) : topology_(topology) {
  // The library would write a line of its own to standard error for what a peer sent wrongly.
  google::protobuf::SetLogHandler(nullptr);
}

std::string Codec::encode(const PeerMessage& message) const {
  wire::Envelope envelope;
  std::visit([&](const auto& body) { Packer{topology_}(body, envelope); }, message);
  return envelope.SerializeAsString();
}

Result<PeerMessage> Codec::decode(std::span<const std::byte> bytes) const {
  wire::Envelope envelope;
  if (bytes.size() > static_cast<std::size_t>(INT32_MAX) ||
      !envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return invalid("not a message of this protocol");
  }
  const Unpacker unpacker{topology_};
  switch (envelope.body_case()) {
    case wire::Envelope::kHeartbeat:
      return unpacker.heartbeat(envelope.heartbeat());
    case wire::Envelope::kRound:
      return unpacker.round(envelope.round());
    case wire::Envelope::kTally:
      return unpacker.tally(envelope.tally());
    case wire::Envelope::kSwitchoverRequest:
      return unpacker.switchover_request(envelope.switchover_request());
    case wire::Envelope::kSwitchoverReply:
      return unpacker.switchover_reply(envelope.switchover_reply());
    case wire::Envelope::kDrainRequest:
      return unpacker.drain_request(envelope.drain_request());
    case wire::Envelope::kDrained:
      return PeerMessage(Drained{.epoch = Epoch{envelope.drained().epoch()}});
    case wire::Envelope::kHandOver:
      return unpacker.hand_over(envelope.hand_over());
    case wire::Envelope::kDrillNotice:
      return unpacker.drill_notice(envelope.drill_notice());
    case wire::Envelope::BODY_NOT_SET:
      break;
  }
  return invalid("a message of a kind this version does not know");
}

std::string answer_signed_bytes(const SignedAnswer& answer, const Topology& topology) {
  const TopologyNode& node = topology.node(answer.answer.node);
  return signed_bytes(answer.answer,
                      {.cluster = topology.cluster,
                       .quorum_hash = answer.quorum_hash,
                       .node_region = topology.region_name(node.region),
                       .node_name = node.name,
                       .asking_region = topology.region_name(answer.answer.question.region),
                       .supports = topology.region_name(answer.answer.supports)});
}

}  // namespace regent
