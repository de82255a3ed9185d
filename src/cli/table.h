// Text in aligned columns.
#pragma once

#include <string>
#include <vector>

namespace fathom::cli {

/// Rows of cells: the first column is flush left, the others flush right. A row of one cell is a
/// heading, set off by an empty line unless it comes first.
class Table {
 public:
  void AddHeading(std::string text) { rows_.push_back({std::move(text)}); }
  void AddRow(std::string label, std::vector<std::string> cells);

  std::string Format() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fathom::cli
