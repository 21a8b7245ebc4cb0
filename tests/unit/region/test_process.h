#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "region/network.h"
#include "test_cluster.h"

namespace regent::test {

// One process of the cluster as far as its connections go; records what happens.
class TestProcess : private Network::Handler {
 public:
  using Respond = std::function<void(Network&, const From&, const PeerMessage&)>;

  // Shows the certificate of `shown`, which is normally its own.
  TestProcess(const Topology& topology, Endpoint self, const Certificates& certificates,
              std::optional<Identity> shown = std::nullopt, Respond respond = {},
              const LinkFaults* faults = nullptr);
  ~TestProcess() override { network.stop(); }

  [[nodiscard]] bool wait_connected(const Endpoint& target);
  // Waits for a failure to connect whose text contains `text`.
  [[nodiscard]] bool wait_failure(const Endpoint& target, const std::string& text);
  // Waits until `count` messages are there.
  [[nodiscard]] bool wait_messages(std::size_t count);
  // Waits until the connection to the target has been opened so many times.
  [[nodiscard]] bool wait_opened(const Endpoint& target, int times);
  int times_opened(const Endpoint& target);
  std::vector<std::pair<From, PeerMessage>> messages();

  const Endpoint self;
  std::unique_ptr<Credentials> credentials;
  Network network;
  Status started;

 private:
  void on_message(const From& from, PeerMessage message, Instant received) override;
  void on_connection(const Endpoint& target, bool up, const Error* why) override;

  Respond respond_;
  Awaited awaited_;
  std::vector<std::pair<From, PeerMessage>> messages_;
  std::map<Endpoint, bool> up_;
  std::map<Endpoint, int> opened_;
  std::map<Endpoint, std::vector<std::string>> failures_;
};

// An answer of node `self` to the question, signed with its certificate.
SignedAnswer sign_answer(const Topology& topology, NodeId self, const Credentials& credentials,
                         const Question& question);

}  // namespace regent::test
