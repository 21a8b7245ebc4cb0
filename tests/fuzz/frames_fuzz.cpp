// Frames between processes: a connection gives the same frames however its bytes arrive, ends at
// the first frame of a forbidden size, and what the codec takes for a message it also writes as one
// that means the same.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <Poco/Net/StreamSocketImpl.h>

#include "quorum/check.h"
#include "region/channel.h"
#include "region/codec.h"
#include "tests/fuzz/property.h"
#include "topology/load.h"

namespace regent::fuzz {
namespace {

Topology make_topology() {
  LoadedTopology loaded = parse_topology(
      "cluster: shop\n"
      "regions:\n"
      "  eu: { gateways: { gw1: h1 }, nodes: { n1: h2 }, witness: true }\n"
      "  us: { gateways: { gw1: h3, gw2: h4 }, nodes: { n1: h5, n2: h6 } }\n",
      "t");
  CHECK(loaded.errors.empty());
  return std::move(loaded.topology);
}

// All that a message means, so that two can be compared.
auto fields(const Question& q) {
  return std::tie(q.kind, q.epoch, q.region, q.incarnation, q.lease, q.round);
}
auto fields(const Heartbeat& h) {
  // A reign that is not known has no other meaning.
  const Reign last_reign = h.last_reign.known() ? h.last_reign : Reign{};
  return std::tuple_cat(std::tie(h.sequence, h.heard_sequence, h.heard_ago, h.incarnation,
                                 h.version, h.topology_version, h.topology_hash, h.quorum_hash,
                                 h.region_quorate, h.eligible, h.healthy_backends, h.epoch,
                                 h.primary, h.serving, h.lease_left, h.draining, h.pause, h.drill),
                        std::make_tuple(last_reign));
}
auto fields(const RoundMessage& r) {
  return std::tuple_cat(fields(r.question), std::tie(r.quorum_hash));
}
auto fields(const SignedAnswer& a) {
  return std::tie(a.answer, a.signature, a.fingerprint, a.certificate, a.quorum_hash);
}
auto fields(const SwitchoverRequest& s) {
  return std::tie(s.id, s.to, s.timeout);
}
auto fields(const SwitchoverReply& s) {
  return std::tie(s.id, s.outcome, s.message, s.epoch, s.gap);
}
auto fields(const DrainRequest& d) {
  return std::tie(d.epoch, d.successor, d.timeout);
}
auto fields(const Drained& d) {
  return std::tie(d.epoch);
}
auto fields(const HandOver& h) {
  return std::tie(h.epoch, h.successor);
}
auto fields(const DrillNotice& n) {
  return std::tie(n.drill, n.running, n.ended, n.serves_for, n.failed_writes, n.cuts_receiver);
}

template <typename Message>
bool same(const Message& a, const Message& b) {
  return fields(a) == fields(b);
}
bool same(const TallyMessage& a, const TallyMessage& b) {
  return a.round == b.round &&
         std::equal(
             a.answers.begin(), a.answers.end(), b.answers.begin(), b.answers.end(),
             [](const SignedAnswer& x, const SignedAnswer& y) { return fields(x) == fields(y); });
}
bool same(const PeerMessage& a, const PeerMessage& b) {
  return a.index() == b.index() &&
         std::visit([&](const auto& x) { return same(x, std::get<std::decay_t<decltype(x)>>(b)); },
                    a);
}

// The bounds that the codec's header gives.
struct Bounds {
  const Topology& topology;

  bool region(RegionId id) const { return id == kNoRegion || id.value < topology.regions.size(); }
  static bool span(Duration value, Duration longest) {
    return value >= Duration::zero() && value <= longest;
  }
  bool question(const Question& q) const {
    return region(q.region) && span(q.lease, Codec::kLongestLease);
  }
  bool operator()(const Heartbeat& h) const {
    return region(h.primary) && region(h.last_reign.region) &&
           h.version.size() <= Codec::kMaxTextBytes && span(h.heard_ago, Codec::kLongestSpan) &&
           span(h.lease_left, Codec::kLongestLease);
  }
  bool operator()(const RoundMessage& r) const { return question(r.question); }
  bool operator()(const TallyMessage& t) const {
    return t.answers.size() <= Codec::kMaxAnswers &&
           std::all_of(t.answers.begin(), t.answers.end(), [&](const SignedAnswer& a) {
             return a.answer.node.value < topology.nodes.size() && region(a.answer.supports) &&
                    question(a.answer.question) && a.answer.question.round == t.round &&
                    span(a.answer.wait, 2 * Codec::kLongestLease) &&
                    a.signature.size() <= Codec::kMaxSignatureBytes &&
                    a.fingerprint.size() == Codec::kFingerprintBytes &&
                    a.certificate.size() <= Codec::kMaxCertificateBytes;
           });
  }
  bool operator()(const SwitchoverRequest& s) const {
    return region(s.to) && span(s.timeout, Codec::kLongestLease);
  }
  bool operator()(const SwitchoverReply& s) const {
    return s.message.size() <= Codec::kMaxTextBytes && span(s.gap, Codec::kLongestSpan);
  }
  bool operator()(const DrainRequest& d) const {
    return region(d.successor) && span(d.timeout, Codec::kLongestLease);
  }
  bool operator()(const Drained&) const { return true; }
  bool operator()(const HandOver& h) const { return region(h.successor); }
  bool operator()(const DrillNotice& n) const {
    return n.drill.size() <= Codec::kMaxTextBytes && n.ended.size() <= Codec::kMaxTextBytes &&
           span(n.serves_for, Codec::kLongestLease);
  }
};

class FramesTarget {
 public:
  FramesTarget() : tls_context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {}

  void check(std::string_view input) {
    check_message(input);
    check_stream(input);
    if (!input.empty()) check_stream(framed(input) + framed(input.substr(0, 1)) + framed(input));
  }

 private:
  struct Received : Channel::Handler {
    void on_open() override {}
    void on_frame(std::span<const std::byte> body) override {
      frames.emplace_back(reinterpret_cast<const char*>(body.data()), body.size());
    }
    void on_closed(const Error&) override {}

    std::vector<std::string> frames;
    bool closing = false;

    bool same_as(const Received& other) const {
      return frames == other.frames && closing == other.closing;
    }
  };

  static std::string framed(std::string_view body) {
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift);
    return frame.append(body);
  }

  // A channel as on a fresh connection. Its input comes through the interface that it has for its
  // stream, as if decrypted; no byte goes through the socket.
  template <typename Feed>
  Received receive(const Feed& feed) {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    EventLoop loop("fuzz");
    Received received;
    const auto channel =
        Channel::accepted(loop, Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(ends[0])),
                          {tls_context_, {}, ""}, received);
    // This form of the cast alone reaches a private base.
    auto& stream_handler = (Stream::Handler&)*channel;  // NOLINT
    feed([&](std::string_view piece) { stream_handler.on_data(bytes_of(piece)); });
    received.closing = !channel->send("x");
    ::close(ends[1]);
    return received;
  }

  static Received naive(std::string_view input) {
    Received received;
    while (input.size() >= 4) {
      std::size_t length = 0;
      for (std::size_t i = 0; i < 4; ++i) length = length * 256 + std::uint8_t(input[i]);
      received.closing = length == 0 || length > Channel::kMaxFrameBytes;
      if (received.closing || input.size() - 4 < length) break;
      received.frames.emplace_back(input.substr(4, length));
      input.remove_prefix(4 + length);
    }
    return received;
  }

  void check_stream(std::string_view input) {
    const Received expected = naive(input);
    const Received whole = receive([&](const auto& take) { take(input); });
    require(whole.same_as(expected), "a connection gives the frames that are in it", input);
    const Received pieces = receive([&](const auto& take) {
      in_pieces(input, [&](std::string_view piece) {
        take(piece);
        return true;
      });
    });
    require(pieces.same_as(expected), "frames do not depend on how their bytes arrive", input);
    for (const std::string& frame : expected.frames) check_message(frame);
  }

  void check_message(std::string_view body) {
    const auto message = codec_.decode(bytes_of(body));
    if (!message.ok()) {
      require(!message.error().message.empty(), "a refusal says why", body);
      return;
    }
    require(std::visit(Bounds{topology_}, *message), "every value is within its bound", body);
    check_again(*message, body);
    PeerMessage longer = *message;
    if (auto* heartbeat = std::get_if<Heartbeat>(&longer)) lengthen(heartbeat->version);
    if (auto* reply = std::get_if<SwitchoverReply>(&longer)) lengthen(reply->message);
    if (auto* notice = std::get_if<DrillNotice>(&longer)) lengthen(notice->ended);
    const std::string cut = codec_.encode(longer);
    const auto shortened = codec_.decode(bytes_of(cut));
    require(shortened.ok(), "texts that are too long are cut so that the rest arrives", body);
  }

  void check_again(const PeerMessage& message, std::string_view body) {
    const std::string bytes = codec_.encode(message);
    const auto again = codec_.decode(bytes_of(bytes));
    require(again.ok(), "what was taken for a message is written as one", body);
    require(same(*again, message), "and as the same one", body);
    require(codec_.encode(*again) == bytes, "which gives the same bytes again", body);
  }

  static void lengthen(std::string& text) {
    while (text.size() <= Codec::kMaxTextBytes) text += "\xc3\xa9";
  }

  const Topology topology_ = make_topology();
  const Codec codec_{topology_};
  const std::shared_ptr<SSL_CTX> tls_context_;
};

}  // namespace
}  // namespace regent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static regent::fuzz::FramesTarget target;
  target.check(regent::fuzz::text_of(data, size));
  return 0;
}
