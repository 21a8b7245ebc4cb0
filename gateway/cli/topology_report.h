#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "topology/flaws.h"
#include "topology/load.h"
#include "topology/survival.h"

// What `regent topology check` says of a file that is valid, for people and for programs. Pure.
namespace regent::cli {

struct CheckReport {
  explicit CheckReport(const LoadedTopology& loaded);

  const LoadedTopology& loaded;  // must outlive the report
  Survival survival;
  std::vector<Flaw> flaws;

  const Topology& topology() const { return loaded.topology; }
};

std::string check_text(const CheckReport& report);
Poco::JSON::Object::Ptr check_json(const CheckReport& report);

// Warnings or errors of a file: line, column, path, text.
Poco::JSON::Array::Ptr findings_json(const std::vector<Finding>& findings);

// `text` filled up with spaces to `width`, and at least one.
std::string column(std::string text, std::size_t width);
// `done` parts of `all` as a bar of at most `width` characters; one at least where done is not 0.
std::string bar(std::uint64_t done, std::uint64_t all, std::size_t width);

}  // namespace regent::cli
