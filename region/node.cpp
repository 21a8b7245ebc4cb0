#include "region/node.h"

#include <pthread.h>

#include <utility>

#include "region/clock.h"
#include "region/codec.h"
#include "region/log.h"
#include "security/signature.h"

namespace regent {
namespace {

// A node without history may have lost its disk, and with it a promise as long as any may be.
VoteRecord record_at_start(const VoteStore& store, const Topology& topology) {
  return store.stored().value_or(VoteRecord{Epoch{}, kNoRegion, topology.timing.lease});
}

}  // namespace

Node::Node(const Topology& topology, NodeId self, Credentials& credentials,
           std::unique_ptr<VoteStore> store)
    : topology_(topology),
      self_(self),
      credentials_(credentials),
      store_(std::move(store)),
      voter_(self, record_at_start(*store_, topology), DriftBound{topology.timing.clock_drift_ppm},
             boot_now()),
      network_(topology, self, credentials, *this) {}

Result<std::unique_ptr<Node>> Node::start(const Topology& topology, NodeId self,
                                          Credentials& credentials, const std::string& data_dir) {
  auto store = VoteStore::open(data_dir, topology, self);
  if (!store.ok()) return store.error();
  std::unique_ptr<Node> node(new Node(topology, self, credentials, std::move(store).value()));
  const Status listening = node->network_.start();
  if (!listening.ok()) return listening.error();
  node->log_ready();
  node->thread_ = std::thread([node = node.get()] {
    pthread_setname_np(pthread_self(), "control");
    node->control_.run([] { return kNever; });
  });
  return node;
}

Node::~Node() {
  network_.stop();
  control_.stop();
  if (thread_.joinable()) thread_.join();
}

void Node::log_ready() const {
  const VoteRecord& record = voter_.record();
  const Duration wait = voter_.wait(Incarnation{}, boot_now());
  const auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  log_event(LogLevel::info, "node ready",
            {{"node", topology_.region_name(topology_.node(self_).region) + "/" +
                          topology_.node(self_).name},
             {"address", topology_.node(self_).address.text()},
             {"epoch", std::to_string(record.epoch.value)},
             {"supports", topology_.region_name(record.region)},
             {"wait_ms", std::to_string(wait_ms)},
             {"store", store_->path()},
             {"topology_version", std::to_string(topology_.version)}});
}

void Node::on_message(const From& from, PeerMessage message, Instant) {
  // The network lets nothing but questions through to a node.
  const bool queued = control_.post(
      [this, from, round = std::get<RoundMessage>(std::move(message))] { answer(from, round); });
  if (!queued) {
    log_event(LogLevel::error, "question dropped", {{"reason", "too many are waiting"}});
  }
}

void Node::answer(const From& from, const RoundMessage& message) {
  const Question& question = message.question;
  const bool same_topology = message.quorum_hash == topology_.quorum_hash;
  if (same_topology) {
    const std::string fault = fault_of(question);
    if (!fault.empty()) {
      if (limiter_.pass(fault, boot_now())) {
        log_event(LogLevel::warning, "question refused",
                  {{"region", topology_.region_name(question.region)}, {"reason", fault}});
      }
      return;
    }
  } else if (limiter_.pass(message.quorum_hash, boot_now())) {
    log_event(LogLevel::warning, "question under another topology",
              {{"region", topology_.region_name(question.region)},
               {"theirs", message.quorum_hash},
               {"ours", topology_.quorum_hash}});
  }

  SignedAnswer given;
  given.answer = same_topology ? decide(question) : under_other_topology(question);
  given.quorum_hash = topology_.quorum_hash;
  const auto credentials = credentials_.current();
  given.fingerprint = credentials->fingerprint;
  auto signature = sign(*credentials, answer_signed_bytes(given, topology_));
  if (!signature.ok()) {
    if (limiter_.pass(signature.error().message, boot_now())) {
      log_event(LogLevel::error, "cannot sign answers", {{"reason", signature.error().message}});
    }
    return;
  }
  given.signature = std::move(signature).value();
  TallyMessage reply{.round = question.round, .answers = {}};
  reply.answers.push_back(std::move(given));
  network_.reply(from.connection, std::move(reply));
}

std::string Node::fault_of(const Question& question) const {
  if (question.region == kNoRegion) return "it names no region";
  if (question.lease > topology_.timing.lease) return "it asks for more than the topology's lease";
  if (question.incarnation == Incarnation{}) return "it names no incarnation";
  if (question.kind == QuestionKind::ask && !topology_.region(question.region).may_be_primary()) {
    return "the topology does not let this region be primary";
  }
  return {};
}

Answer Node::decide(const Question& question) {
  if (failure_) report_failure(*failure_);
  Voter::Output output = voter_.decide(question, boot_now());
  if (output.persist) {
    const Status saved = store_->save(*output.persist);
    if (saved.ok()) {
      log_event(LogLevel::info, "vote saved",
                {{"epoch", std::to_string(output.persist->epoch.value)},
                 {"supports", topology_.region_name(output.persist->region)}});
    } else {
      failure_ = saved.error();
      voter_.fail();
      report_failure(*failure_);
      output = voter_.decide(question, boot_now());
    }
  }
  if (failure_) {  // memory may hold a vote that the disk does not
    output.answer.epoch = on_disk().epoch;
    output.answer.supports = on_disk().region;
  }
  return output.answer;
}

VoteRecord Node::on_disk() const {
  return store_->stored().value_or(VoteRecord{});
}

Answer Node::under_other_topology(const Question& question) const {
  return {.node = self_,
          .question = question,
          .verdict = Verdict::topology,
          .epoch = on_disk().epoch,
          .supports = on_disk().region,
          .wait = voter_.wait(question.incarnation, boot_now())};
}

void Node::report_failure(const Error& error) {
  if (!limiter_.pass("store", boot_now())) return;
  log_event(LogLevel::error, "not voting: the vote store failed", {{"reason", error.message}});
}

}  // namespace regent
