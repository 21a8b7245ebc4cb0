#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "topology/load.h"

// What was found wrong with a file, gathered while it is read and checked. Remembers where each
// path of the file stands, so that a check over the finished model can still point at the line.
namespace regent {

struct FilePlace {
  int line = 0;    // from 1; 0: the whole file
  int column = 0;  // from 1
};

class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}

  void remember(const std::string& path, FilePlace place) { places_[path] = place; }

  // At the place of `path`, or of the nearest enclosing path that stands in the file.
  void error(const std::string& path, std::string text);
  void warn(const std::string& path, std::string text);
  void error_at(FilePlace place, const std::string& path, std::string text);

  // Some error was found at `path` or below: conclusions from what stands there would mislead.
  bool broken(const std::string& path) const;
  bool any_errors() const { return !errors_.empty(); }

  // In the order of the file.
  std::vector<Finding> errors() const;
  std::vector<Finding> warnings() const;

 private:
  FilePlace place_of(std::string path) const;

  std::string file_;
  std::map<std::string, FilePlace> places_;
  std::set<std::string> broken_;
  std::vector<Finding> errors_;
  std::vector<Finding> warnings_;
};

// Text from a file made fit for a message: control characters replaced, cut at `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 80);

}  // namespace regent
