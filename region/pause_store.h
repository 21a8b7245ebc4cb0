#pragma once

#include <memory>
#include <string>

#include "quorum/result.h"
#include "region/pause.h"
#include "topology/topology.h"

namespace regent {

// A gateway's copy of the pause switch on disk: the text file DIR/pause, replaced as a whole. One
// thread at a time.
//
// No file means that this gateway has never heard of a pause. A file that does not read back as
// what was written is refused: taking it for "not paused" could fail over what operators hold.
class PauseStore {
 public:
  // Reads what was saved last, making the folder if there is none.
  // Errors: not a folder, not readable or writable (ErrorCode::io); damaged (ErrorCode::corrupt);
  // of another cluster or written by another version of regent (ErrorCode::refused).
  static Result<std::unique_ptr<PauseStore>> open(const std::string& dir, const Topology& topology);

  // What was saved last. A region that the topology no longer has reads as kNoRegion.
  const PauseRecord& stored() const { return stored_; }

  // On disk (synced) when it returns. After an error the file holds the old record or, when only
  // the folder could not be synced, the new one; saving may be tried again.
  Status save(const PauseRecord& record);

  const std::string& path() const { return path_; }

 private:
  PauseStore(std::string path, const Topology& topology)
      : path_(std::move(path)), topology_(topology) {}
  std::string text_of(const PauseRecord& record) const;
  Result<PauseRecord> read(const std::string& text) const;
  Error error(ErrorCode code, const std::string& what) const;

  std::string path_;
  const Topology& topology_;
  PauseRecord stored_;
};

}  // namespace regent
