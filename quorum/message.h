#pragma once

#include "quorum/types.h"

// What a gateway says to a node and what a node says back. Both are plain values; region/codec.h
// puts them on the wire, security/signature.h signs the answer.
namespace regent {

enum class QuestionKind : std::uint8_t {
  ask,      // support my region in this epoch, for this lease
  probe,    // would you? (the same decision, changing nothing)
  release,  // forget your promise to me in this epoch
  close,    // release, and support nobody further in this epoch
};

// One question of one gateway, put to every node of the cluster under one round number.
struct Question {
  QuestionKind kind = QuestionKind::probe;
  Epoch epoch;
  RegionId region = kNoRegion;  // the asking gateway's own region
  Incarnation incarnation;
  Duration lease{};  // how long the gateway wants to serve, counted from its sending this round
  RoundId round;

  bool operator==(const Question&) const = default;
};

enum class Verdict : std::uint8_t {
  granted,   // ask: supported and promised; probe: would be; release, close: done
  stale,     // the node knows a higher epoch
  voted,     // the node supports another region in this epoch
  closed,    // the holder gave this epoch back
  promised,  // a promise to somebody else still runs, for `wait`
  topology,  // the question was put under another topology
  failed,    // the node's store cannot be used: it does not vote
};

// A node's answer to one question. Echoes the question, so that it counts for nothing else.
struct Answer {
  NodeId node = kNoNode;
  Question question;
  Verdict verdict = Verdict::failed;
  // What the node knows after deciding: its epoch, whom it supports in it (kNoRegion: nobody).
  Epoch epoch;
  RegionId supports = kNoRegion;
  // How long the longest promise to any other incarnation still runs; 0 when none does.
  Duration wait{};

  bool operator==(const Answer&) const = default;
};

}  // namespace regent
