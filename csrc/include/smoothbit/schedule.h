// Rows of a sparse matrix in a sequence that is quick to walk: in every block of rows, by falling length.
//
// A kernel that adds the entries of a row ends each row with a branch that is predicted only where rows of one length
// follow each other, and only such rows can share a register. A schedule brings them together inside blocks of rows,
// so that terms and results stay near each other, and holds their entries in that sequence, so that indices are read
// one after the other. Nodes keep their numbers: unlike an order of nodes it moves neither messages nor results, and
// any matrix can have one, square or not.
#pragma once

#include <cstdint>
#include <vector>

namespace smoothbit {

// Place p holds the entries indices[indptr[p]] .. of row rows[p]. A block has the same rows as places, so what begins
// and ends with a block is the same rows in both.
struct RowSchedule {
  static constexpr int64_t kPadding = 128;  // indices, all 0, that can be read after the last one

  const int64_t* indptr = nullptr;   // [N + 1]
  const int32_t* indices = nullptr;  // [E + kPadding]
  const int32_t* rows = nullptr;     // [N]; null: there is no schedule
  int64_t block_rows = 1;
};

// A schedule and its arrays.
class OwnedSchedule {
 public:
  static constexpr int64_t kBlockRows = 2048;

  // Empty where rows come by falling length already.
  OwnedSchedule(const int64_t* indptr, const int32_t* indices, int64_t num_rows, int64_t block_rows = kBlockRows);

  // Valid as long as this object.
  RowSchedule view() const;

 private:
  std::vector<int64_t> indptr_;
  std::vector<int32_t> indices_, rows_;
  int64_t block_rows_;
};

}  // namespace smoothbit
