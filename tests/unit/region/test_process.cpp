#include "test_process.h"

#include "region/codec.h"
#include "security/signature.h"

namespace regent::test {

TestProcess::TestProcess(const Topology& topology, Endpoint self_, const Certificates& certificates,
                         std::optional<Identity> shown, Respond respond, const LinkFaults* faults)
    : self(self_),
      credentials(
          certificates.load(shown.value_or(PeerPolicy(topology, self_).identity_of(self_)))),
      network(topology, self_, *credentials, *this, faults),
      started(Done{}),
      respond_(std::move(respond)) {
  started = network.start();
}

void TestProcess::on_message(const From& from, PeerMessage message, Instant) {
  if (respond_) respond_(network, from, message);
  awaited_.update([&] { messages_.emplace_back(from, std::move(message)); });
}

void TestProcess::on_connection(const Endpoint& target, bool up, const Error* why) {
  awaited_.update([&] {
    up_[target] = up;
    if (up) ++opened_[target];
    if (why != nullptr) failures_[target].push_back(why->message);
  });
}

bool TestProcess::wait_connected(const Endpoint& target) {
  return awaited_.wait([&] { return up_[target]; });
}

bool TestProcess::wait_failure(const Endpoint& target, const std::string& text) {
  return awaited_.wait([&] {
    for (const std::string& failure : failures_[target]) {
      if (failure.find(text) != std::string::npos) return true;
    }
    return false;
  });
}

bool TestProcess::wait_messages(std::size_t count) {
  return awaited_.wait([&] { return messages_.size() >= count; });
}

bool TestProcess::wait_opened(const Endpoint& target, int times) {
  return awaited_.wait([&] { return opened_[target] >= times; });
}

int TestProcess::times_opened(const Endpoint& target) {
  int times = 0;
  awaited_.update([&] { times = opened_[target]; });
  return times;
}

std::vector<std::pair<From, PeerMessage>> TestProcess::messages() {
  std::vector<std::pair<From, PeerMessage>> copy;
  awaited_.update([&] { copy = messages_; });
  return copy;
}

SignedAnswer sign_answer(const Topology& topology, NodeId self, const Credentials& credentials,
                         const Question& question) {
  SignedAnswer given;
  given.answer = {.node = self,
                  .question = question,
                  .verdict = Verdict::granted,
                  .epoch = question.epoch,
                  .supports = question.region,
                  .wait = Duration::zero()};
  given.quorum_hash = topology.quorum_hash;
  given.fingerprint = credentials.current()->fingerprint;
  const auto signature = sign(*credentials.current(), answer_signed_bytes(given, topology));
  CHECK(signature.ok());
  given.signature = *signature;
  return given;
}

}  // namespace regent::test
