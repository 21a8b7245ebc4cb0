#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "quorum/voter.h"
#include "region/control_loop.h"
#include "region/log_limiter.h"
#include "region/network.h"
#include "region/vote_store.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// A voter process: answers the questions that its region's gateways bring, by the rules of
// quorum/voter.h, with a vote that is on disk before anybody hears of it.
//
// One control thread owns the voter and the store; the network's thread only hands it questions.
// When the store fails, the node goes on answering, but only that it has failed: it votes again
// after a restart that finds the store in order.
class Node : private Network::Handler {
 public:
  // Opens the store in `data_dir`, starts to listen, and writes a line "node ready" to the log.
  // `topology` and `credentials` must outlive the node. Errors: as VoteStore::open() and
  // Network::start().
  static Result<std::unique_ptr<Node>> start(const Topology& topology, NodeId self,
                                             Credentials& credentials, const std::string& data_dir);
  ~Node() override;  // stops
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Network::Counters counters() const { return network_.counters(); }

 private:
  Node(const Topology& topology, NodeId self, Credentials& credentials,
       std::unique_ptr<VoteStore> store);
  void on_message(const From& from, PeerMessage message, Instant received) override;
  void on_connection(const Endpoint&, bool, const Error*) override {}

  void answer(const From& from, const RoundMessage& message);
  // Why a question breaks a rule of the topology that both sides share; empty: it does not.
  std::string fault_of(const Question& question) const;
  Answer decide(const Question& question);
  VoteRecord on_disk() const;
  Answer under_other_topology(const Question& question) const;
  void report_failure(const Error& error);
  void log_ready() const;

  const Topology& topology_;
  const NodeId self_;
  Credentials& credentials_;
  std::unique_ptr<VoteStore> store_;
  Voter voter_;
  std::optional<Error> failure_;  // of the store, for good
  LogLimiter limiter_{std::chrono::seconds(10)};
  ControlLoop control_;
  Network network_;
  std::thread thread_;
};

}  // namespace regent
