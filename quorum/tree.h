#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "quorum/result.h"
#include "quorum/types.h"

// The quorum tree: nested weighted groups whose majorities decide. One recursive rule serves every
// kind of quorum:
//   - a leaf (node) is won when it granted, lost when it refused or cannot answer, else pending;
//   - a group is won when the weight of its won children is more than half of the weight of all
//     its children (2 * won > total, integers only), lost when that can no longer happen, else
//     pending. A child of weight 0 (observer) is never counted.
// Any two won sets of leaves share a leaf (quorum/PROTOCOL.md); everything else rests on that.
namespace regent {

inline constexpr std::uint64_t kMaxWeight = 1'000'000;
inline constexpr std::uint32_t kMaxNodes = 1'000'000;

enum class Vote : std::uint8_t { pending, granted, refused };
enum class Outcome : std::uint8_t { pending, won, lost };

// Description of a tree, for building one. A group without children and with a leaf is a node.
struct Group {
  std::string name;
  std::uint64_t weight = 1;  // in the vote of the group above; 0..kMaxWeight
  NodeId leaf = kNoNode;     // set exactly on leaves
  std::vector<Group> children;
};

// The shape: immutable, shared by any number of ballots and threads.
class QuorumTree {
 public:
  // Where a group or leaf stands in the flat arrays; 0 is the root. Children of one group are
  // adjacent; a parent always stands before its children.
  using Place = std::uint32_t;

  // An empty tree: never won.
  QuorumTree() = default;

  // A root without children and leaf gives the empty tree. Errors (ErrorCode::invalid, with the
  // path of the group, "group/…/leaf"): a weight above kMaxWeight, a NodeId used twice or not below
  // kMaxNodes, a leaf with children, a group with weight whose children weigh 0 in total. The root
  // is such a group, too: with weight 0 it is built all the same, and never won.
  static Result<QuorumTree> build(const Group& root);

  // Number of leaves, and one past the largest NodeId in the tree.
  std::size_t leaf_count() const { return leaf_count_; }
  std::size_t node_limit() const { return place_of_leaf_.size(); }

 private:
  friend class Ballot;
  friend struct Explanation;
  static constexpr Place kNoPlace = 0xffffffff;
  // What adding up a vote reads, apart from what only building and explaining need, so that the
  // path from a leaf to the root touches little memory.
  struct Sum {
    std::uint64_t weight = 0;  // in the parent's vote
    std::uint64_t total = 0;   // of the children's weights
    Place parent = 0;
  };
  struct Label {
    std::string name;
    NodeId leaf = kNoNode;
    Place first_child = 0;
    std::uint32_t child_count = 0;
  };
  Status add_children(const Group& group, Place place);
  Status add_leaf(const Group& group, Place place);
  std::string path(Place place) const;

  std::vector<Sum> sums_;             // by place
  std::vector<Label> labels_;         // by place
  std::vector<Place> place_of_leaf_;  // by NodeId; kNoPlace where the tree has no such node
  std::vector<Place> never_won_;      // groups whose children weigh 0 in total
  std::size_t leaf_count_ = 0;
};

// Votes on one question over one tree, added up as they come in: set() costs O(depth), outcome()
// O(1). Keeps a pointer to the tree, which must outlive it. One thread at a time.
class Ballot {
 public:
  explicit Ballot(const QuorumTree& tree);

  // Replaces the vote of a node. A node the tree does not know is ignored.
  void set(NodeId node, Vote vote);
  Vote vote(NodeId node) const;  // pending for a node the tree does not know
  void reset();                  // all pending

  Outcome outcome() const;  // of the whole tree; empty tree: lost
  Outcome outcome(QuorumTree::Place place) const;

 private:
  struct Count {
    std::uint64_t won = 0;   // weight of the won children
    std::uint64_t lost = 0;  // weight of the lost children
    Outcome outcome = Outcome::pending;
  };
  friend struct Explanation;
  const QuorumTree* tree_;
  std::vector<Count> counts_;  // by place
};

// The arithmetic of one group, for people and JSON. Recursive copy, made on demand.
struct Explanation {
  std::string name;
  NodeId leaf = kNoNode;
  std::uint64_t own_weight = 0;  // in the group above
  Outcome outcome = Outcome::pending;
  std::uint64_t weight = 0;  // of won children ("present"); of a leaf: its own when won
  std::uint64_t needed = 0;  // smallest winning weight: total / 2 + 1; of a leaf: its own
  std::uint64_t total = 0;
  std::int64_t margin = 0;  // weight - needed: how much more may be lost (negative: missing)
  std::vector<Explanation> children;

  static Explanation of(const QuorumTree& tree, const Ballot& ballot);
  // Paths ("group/…/leaf", without the root's name) of the lost or pending leaves that count: with
  // weight, and in groups with weight. In tree order.
  std::vector<std::string> missing() const;

 private:
  static Explanation of(const QuorumTree& tree, const Ballot& ballot, QuorumTree::Place place);
  void add_missing(const std::string& prefix, std::vector<std::string>& paths) const;
};

}  // namespace regent
