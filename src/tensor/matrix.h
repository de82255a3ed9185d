// Matrix: the owner of a scratch or state buffer.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace fathom::tensor {

/// Owns rows x cols elements, row-major, page aligned. Fresh memory is zero and takes no physical
/// memory until it is touched, so that a buffer for the largest batch costs what a batch uses.
template <typename T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols) : rows_(rows), cols_(cols) {
    if (bytes() == 0) return;
    void* data =
        ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FATHOM_CHECK(data != MAP_FAILED);
    data_ = static_cast<T*>(data);
  }
  Matrix(Matrix&& other) noexcept { *this = std::move(other); }
  Matrix& operator=(Matrix&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(rows_, other.rows_);
    std::swap(cols_, other.cols_);
    return *this;
  }
  ~Matrix() {
    if (data_ != nullptr) ::munmap(data_, bytes());
  }

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  size_t bytes() const { return static_cast<size_t>(rows_ * cols_) * sizeof(T); }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* row(int64_t r) {
    FATHOM_DCHECK(r >= 0 && r < rows_);
    return data_ + r * cols_;
  }
  const T* row(int64_t r) const {
    FATHOM_DCHECK(r >= 0 && r < rows_);
    return data_ + r * cols_;
  }

 private:
  T* data_ = nullptr;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
};

}  // namespace fathom::tensor
