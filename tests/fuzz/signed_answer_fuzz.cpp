// Signed answers: the input says which answer a node gives and what happens to it on its way. It is
// let through when nothing was changed, and whatever is let through is what that node signed.
// Bytes that are no certificate or signature of the cluster's are never taken for one.
#include <memory>
#include <tuple>
#include <vector>

#include "quorum/check.h"
#include "region/codec.h"
#include "region/log.h"
#include "region/proofs.h"
#include "tests/fuzz/property.h"
#include "tests/unit/security/test_certificates.h"
#include "topology/load.h"

namespace regent::fuzz {
namespace {

Topology make_topology() {
  LoadedTopology loaded = parse_topology(
      "cluster: shop\n"
      "regions:\n"
      "  eu: { gateways: { gw1: h1 }, nodes: { n1: h2 }, witness: true }\n"
      "  us: { gateways: { gw1: h3 }, nodes: { n1: h5, n2: h6 } }\n",
      "t");
  CHECK(loaded.errors.empty());
  return std::move(loaded.topology);
}

using Set = std::shared_ptr<const CredentialSet>;

// What an answer means to those who count it.
auto meaning(const SignedAnswer& given) {
  return std::tie(given.answer, given.quorum_hash);
}

class SignedAnswerTarget {
 public:
  SignedAnswerTarget() {
    configure_log(LogFormat::text, LogLevel::error);
    for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
      sets_.push_back(make_set(authority_, policy_.identity_of(NodeId{i})));
    }
    // Certificates that must not do: a gateway's, another authority's, an expired one.
    sets_.push_back(make_set(authority_, policy_.identity_of(GatewayId{0})));
    sets_.push_back(make_set(test::make_authority(), policy_.identity_of(NodeId{0})));
    sets_.push_back(make_set(authority_, policy_.identity_of(NodeId{0}), test::expired()));
    verifier_ = std::make_unique<SignatureVerifier>(sets_.front()->authority);
    CHECK(verifier_->learn(sets_.front()->certificate_der).ok());
  }

  void check(std::string_view input) {
    check_raw(input);
    Choices choices(input);
    const NodeId node{static_cast<std::uint32_t>(choices.below(topology_.nodes.size()))};
    const SignedAnswer genuine = make_answer(node, choices);
    SignedAnswer given = genuine;
    Endpoint peer = node;
    if (choices.below(2) == 1) peer = gateway_of(topology_.node(node).region);
    bool changed = false;
    while (!choices.empty()) changed |= change(given, peer, choices);
    check_admitted(genuine, given, peer, changed);
  }

 private:
  static Set make_set(const Authority& authority, const Identity& identity,
                      const Validity& validity = Validity::days_from_now(1)) {
    return test::unchecked_set(test::make_pair(authority, identity, validity), authority, identity);
  }

  GatewayId gateway_of(RegionId region) const { return topology_.region(region).gateways.front(); }

  RegionId any_region(Choices& choices) const {
    const std::size_t chosen = choices.below(topology_.regions.size() + 1);
    return chosen == topology_.regions.size() ? kNoRegion
                                              : RegionId{static_cast<std::uint16_t>(chosen)};
  }

  SignedAnswer make_answer(NodeId node, Choices& choices) const {
    SignedAnswer made;
    made.answer.node = node;
    Question& question = made.answer.question;
    question.kind = static_cast<QuestionKind>(choices.below(4));
    question.epoch = Epoch{choices.number()};
    question.region = any_region(choices);
    question.incarnation = Incarnation{choices.number()};
    question.lease = Duration(choices.below(60'000) * 1'000'000);
    question.round = RoundId{choices.number()};
    made.answer.verdict = static_cast<Verdict>(choices.below(7));
    made.answer.epoch = Epoch{choices.number()};
    made.answer.supports = any_region(choices);
    made.answer.wait = Duration(choices.below(60'000) * 1'000'000);
    made.quorum_hash = topology_.quorum_hash;
    const CredentialSet& set = *sets_[node.value];
    made.certificate = set.certificate_der;
    made.fingerprint = set.fingerprint;
    made.signature = sign(set, answer_signed_bytes(made, topology_)).value();
    return made;
  }

  static void damage(std::string& bytes, Choices& choices) {
    const std::size_t at = choices.below(bytes.size() + 1);
    switch (choices.below(4)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, choices.text(40));
        break;
      case 2:
        bytes = choices.text(200);
        break;
      default:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1U << choices.below(8)));
    }
  }

  void change_meaning(SignedAnswer& given, Choices& choices) const {
    Answer& answer = given.answer;
    switch (choices.below(12)) {
      case 0:
        answer.node.value = static_cast<std::uint32_t>(choices.below(topology_.nodes.size()));
        break;
      case 1:
        answer.question.kind = static_cast<QuestionKind>(choices.below(4));
        break;
      case 2:
        answer.question.epoch.value = choices.number();
        break;
      case 3:
        answer.question.region = any_region(choices);
        break;
      case 4:
        answer.question.incarnation.value = choices.number();
        break;
      case 5:
        answer.question.lease += Duration(choices.below(1000));
        break;
      case 6:
        answer.question.round.value = choices.number();
        break;
      case 7:
        answer.verdict = static_cast<Verdict>(choices.below(7));
        break;
      case 8:
        answer.epoch.value = choices.number();
        break;
      case 9:
        answer.supports = any_region(choices);
        break;
      case 10:
        answer.wait += Duration(choices.below(1000));
        break;
      default:
        given.quorum_hash.back() ^= static_cast<char>(choices.below(2));
    }
  }

  // One thing that goes wrong, or somebody does, on the way. Whether it can have had an effect.
  bool change(SignedAnswer& given, Endpoint& peer, Choices& choices) const {
    switch (choices.below(8)) {
      case 0:
        return false;
      case 1:
        damage(given.signature, choices);
        break;
      case 2:
        damage(given.certificate, choices);
        break;
      case 3:
        damage(given.fingerprint, choices);
        break;
      case 4: {  // shows another certificate
        const CredentialSet& other = *sets_[choices.below(sets_.size())];
        given.certificate = other.certificate_der;
        given.fingerprint = other.fingerprint;
        break;
      }
      case 5: {  // signs it anew with a key that is not the named node's
        const Set& other = sets_[choices.below(sets_.size())];
        if (other == sets_[given.answer.node.value]) break;
        given.signature = sign(*other, answer_signed_bytes(given, topology_)).value();
        break;
      }
      case 6:  // comes from another peer
        peer = NodeId{static_cast<std::uint32_t>(choices.below(topology_.nodes.size()))};
        if (choices.below(2) == 1) peer = gateway_of(policy_.region_of(peer));
        break;
      default:
        change_meaning(given, choices);
    }
    return true;
  }

  void check_admitted(const SignedAnswer& genuine, const SignedAnswer& given, const Endpoint& peer,
                      bool changed) {
    Proofs proofs(topology_, policy_, sets_.front());
    TallyMessage sent{given.answer.question.round, {given}};
    const std::string frame = codec_.encode(sent);
    const auto arrived = codec_.decode(bytes_of(frame));
    require(changed || arrived.ok(), "a genuine answer is a message");
    if (!arrived.ok()) return;
    TallyMessage tally = std::get<TallyMessage>(*arrived);
    const bool missing = proofs.admit(peer, tally, Instant{});
    require(!missing || tally.answers.empty(), "without its certificate no answer is let through");
    require(changed || tally.answers.size() == 1, "a genuine answer is let through");
    for (const SignedAnswer& admitted : tally.answers) {
      require(meaning(admitted) == meaning(genuine), "what is let through is what was signed");
      require(policy_.region_of(peer) == policy_.region_of(admitted.answer.node),
              "and given by its own region");
    }
  }

  // The input itself, as certificate, as signature and as fingerprint.
  void check_raw(std::string_view input) {
    require(!verifier_->learn(input).ok(), "bytes are no certificate of the cluster's", input);
    const CredentialSet& node = *sets_.front();
    require(!verifier_->verify(node.fingerprint, node.identity, "answer", input).ok(),
            "bytes are no signature of a node's", input);
    require(!verifier_->verify(input, node.identity, "answer", input).ok(),
            "bytes are no fingerprint that was shown", input);
  }

  const Topology topology_ = make_topology();
  const PeerPolicy policy_{topology_, GatewayId{0}};
  const Codec codec_{topology_};
  const Authority authority_ = test::make_authority();
  std::vector<Set> sets_;                        // of the nodes by id, then others
  std::unique_ptr<SignatureVerifier> verifier_;  // knows the first node's
};

}  // namespace
}  // namespace regent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static regent::fuzz::SignedAnswerTarget target;
  target.check(regent::fuzz::text_of(data, size));
  return 0;
}
