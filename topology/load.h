#pragma once

#include <string>
#include <vector>

#include "topology/topology.h"

// Topology file (YAML) to checked model. All problems of a file are found in one run.
namespace regent {

// One finding, with its place: "FILE:LINE:COLUMN: PATH: TEXT".
struct Finding {
  std::string file;
  int line = 0;      // from 1; 0: the whole file
  int column = 0;    // from 1
  std::string path;  // regions.eu.weight
  std::string text;  // what is wrong and what would be right

  std::string message() const;
};

struct LoadedTopology {
  Topology topology;              // meaningful only when errors is empty
  std::vector<Finding> errors;    // any of them: nothing starts
  std::vector<Finding> warnings;  // worth a line in the log
};

// Reads and checks a file. Never throws; a missing or unreadable file is one error.
LoadedTopology load_topology(const std::string& file);

// The same over text in memory; `file` only names it in findings.
LoadedTopology parse_topology(const std::string& text, const std::string& file);

}  // namespace regent
