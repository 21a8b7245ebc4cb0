#pragma once

#include <memory>
#include <optional>
#include <string>

#include "quorum/result.h"
#include "quorum/voter.h"
#include "topology/topology.h"

namespace regent {

// A node's vote on disk: DIR/vote.db, a SQLite file with one row, and DIR/vote.created, which
// tells that a vote was kept here before. One process at a time. One thread.
//
// A folder with neither file is a fresh start. Anything else that does not read back as what was
// written is refused: a node that forgets its vote could help two regions to be primary at once.
class VoteStore {
 public:
  // Opens the store of node `self`, making the folder and the store if there is none.
  // Errors: not a folder, not writable, no space (ErrorCode::io); in use by another process
  // (ErrorCode::unavailable); damaged or partly missing (ErrorCode::corrupt); of another cluster or
  // node (ErrorCode::refused).
  static Result<std::unique_ptr<VoteStore>> open(const std::string& dir, const Topology& topology,
                                                 NodeId self);
  ~VoteStore();
  VoteStore(const VoteStore&) = delete;
  VoteStore& operator=(const VoteStore&) = delete;

  // What was saved last; nullopt when nothing ever was. A supported region that the topology no
  // longer has reads as kNoRegion under its epoch, which supports nobody else in that epoch either.
  const std::optional<VoteRecord>& stored() const { return stored_; }

  // On disk (synced) when it returns. After an error the store must not be used again: what the
  // disk holds is unknown until it is opened anew.
  Status save(const VoteRecord& record);

  const std::string& path() const { return path_; }

 private:
  struct Database;
  VoteStore(std::string path, const Topology& topology, NodeId self);
  Status create();
  Status load();
  Status mark_created() const;

  std::string path_;
  const Topology& topology_;
  NodeId self_;
  std::unique_ptr<Database> database_;
  std::optional<VoteRecord> stored_;
};

}  // namespace regent
