/* How large a page is in a set, which its images do not say. */
#ifndef FERRY_EXPLORE_PAGE_BYTES_H
#define FERRY_EXPLORE_PAGE_BYTES_H

#include <criu/mm.pb-c.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES_DEFAULT 4096u

/* AT_PAGESZ of the auxiliary vector, which has one pair in a word for a 32-bit task; 0: not there. */
uint32_t fy_page_bytes_of_mm(const MmEntry *mm);
/* The same from DIR/mm-PID.img; 0 too when it cannot be read. */
uint32_t fy_page_bytes_of_task(int dir_fd, uint64_t pid);
/* By how large the file of that many pages is; 0 when that gives no page size. */
uint32_t fy_page_bytes_of_file(uint64_t file_bytes, uint64_t pages);

#endif
