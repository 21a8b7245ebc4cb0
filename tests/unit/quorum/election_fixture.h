#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "quorum/election.h"

namespace regent {

inline constexpr RegionId kUs{0};
inline constexpr RegionId kEu{1};
inline constexpr Incarnation kSelf{42};
inline constexpr Duration kLease = std::chrono::milliseconds(1000);
inline constexpr Duration kWindow = std::chrono::milliseconds(250);

inline Group three_nodes() {
  Group root{.name = "cluster", .weight = 1, .leaf = kNoNode, .children = {}};
  for (std::uint32_t i = 0; i < 3; ++i) {
    root.children.push_back(
        {.name = "n" + std::to_string(i), .weight = 1, .leaf = NodeId{i}, .children = {}});
  }
  return root;
}

// One gateway of region us, and the test in the place of its three nodes.
class ElectionTest : public ::testing::Test {
 protected:
  void wait(Duration span) { now_ += span; }

  Election::Output take(Election::Output output) {
    if (!output.questions.empty()) question_ = output.questions.back();
    return output;
  }

  Election::Output tick() { return take(election_.tick(now_)); }

  // Ticks at the deadlines as they come, until something is asked.
  Question next_question() {
    for (int i = 0; i < 1000; ++i) {
      now_ = std::max(now_, election_.next_deadline());
      const Election::Output output = tick();
      if (!output.questions.empty()) return output.questions.back();
    }
    ADD_FAILURE() << "nothing is asked";
    return {};
  }

  static Answer granted(const Question& question, std::uint32_t node) {
    const bool entered = question.kind == QuestionKind::ask;
    return {NodeId{node},
            question,
            Verdict::granted,
            entered ? question.epoch : Epoch{},
            entered ? kUs : kNoRegion,
            Duration::zero()};
  }

  static Answer refused(const Question& question, std::uint32_t node, Verdict verdict, Epoch epoch,
                        RegionId supports, Duration wait) {
    return {NodeId{node}, question, verdict, epoch, supports, wait};
  }

  Election::Output answer(const Answer& answer) {
    return take(election_.answers({&answer, 1}, now_));
  }

  Election::Output grant(const Question& question) {
    answer(granted(question, 0));
    return answer(granted(question, 2));
  }

  // All nodes promised epoch 1 to eu for another `wait`.
  Election::Output refuse_promised(const Question& question, Duration wait) {
    Election::Output output;
    for (std::uint32_t node = 0; node < 3; ++node) {
      output = answer(refused(question, node, Verdict::promised, Epoch{1}, kEu, wait));
    }
    return output;
  }

  void become_candidate() {
    election_.set_standing(true, 0, now_);
    grant(next_question());
    ASSERT_EQ(election_.role(), Election::Role::candidate);
  }

  void become_holder() {
    become_candidate();
    grant(question_);  // the short ask
    grant(question_);  // the renewal that follows at once
    ASSERT_EQ(election_.role(), Election::Role::holder);
  }

  QuorumTree tree_ = QuorumTree::build(three_nodes()).value();
  Instant now_{std::chrono::hours(5)};
  Election election_{{kUs, kSelf, kLease, kWindow, DriftBound{}}, tree_, 7, now_};
  Question question_;  // the last one asked
};

}  // namespace regent
