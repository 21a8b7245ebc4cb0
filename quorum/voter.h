#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "quorum/lease.h"
#include "quorum/message.h"
#include "quorum/types.h"

namespace regent {

// What a node keeps on disk: the epoch it last voted in, whom it supports in it, and the longest
// lease it granted in it.
struct VoteRecord {
  Epoch epoch;
  RegionId region = kNoRegion;
  Duration lease{};

  bool operator==(const VoteRecord&) const = default;
};

// One node's vote: the rules of PROTOCOL.md, "What a node answers", without disk, clock or socket.
//
// Invariants: the epoch never goes down; at most one region is supported in an epoch; no epoch is
// entered while a promise to another incarnation runs.
// The caller must have written Output::persist to disk before anybody sees Output::answer. When
// that fails it must call fail(); what memory then holds is never spoken of again.
// One thread.
class Voter {
 public:
  // More incarnations than this with live promises: the oldest fold into one promise to nobody in
  // particular, which can only make the node wait longer.
  static constexpr std::size_t kMaxPromises = 64;

  // `stored` is what the disk holds; a node without history passes epoch 0, no region, and the
  // topology's lease: if it has lost its disk, it may have promised that. From `started` on the
  // node behaves as if it had just promised stored.lease to an unknown incarnation of its region.
  Voter(NodeId self, VoteRecord stored, DriftBound drift, Instant started);

  struct Output {
    std::optional<VoteRecord> persist;
    Answer answer;
  };
  // Decides one question. `now` was read after the question arrived.
  Output decide(const Question& question, Instant now);

  // The disk failed: every further answer is Verdict::failed.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }

  const VoteRecord& record() const { return record_; }
  bool closed() const { return closed_ == record_.epoch && closed_ != Epoch{}; }
  // How long promises to incarnations other than `asking` still run; 0 when none does.
  Duration wait(Incarnation asking, Instant now) const;

 private:
  Verdict judge(const Question& question, Instant now) const;
  void grant(const Question& question, Instant now, std::optional<VoteRecord>& persist);
  void release(const Question& question);
  void promise(Incarnation incarnation, Instant until, Instant now);

  NodeId self_;
  VoteRecord record_;
  DriftBound drift_;
  Epoch closed_;  // highest epoch that was closed; also one this node has not voted in
  bool failed_ = false;
  Instant unknown_until_;  // promise to nobody we could name
  std::vector<std::pair<Incarnation, Instant>> promises_;
};

}  // namespace regent
