#include <malloc.h>

#include "train_cli/training_command.h"

int main(int argc, char** argv) {
  // Tensors come and go by the megabyte. Kept on the heap they cost nothing; given back to the
  // system each time, touching their pages again takes as long as computing with them.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 256 << 20);  // large pages, which the launcher asks for, have room in it
  fathom::cli::CommandLine command_line(FATHOM_VERSION);
  fathom::train_cli::AddTrainingCommand(command_line);
  return command_line.Run(argc, argv);
}
