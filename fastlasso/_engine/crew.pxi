# Threads that share the work of a kernel and wait for it outside the interpreter's lock. Work that is handed over in
# Python needs that lock at its begin and at its end: paths of 30 ms on two threads took 1.05 to 1.1 times as long.

cdef extern from "yield.h" nogil:
    void FL_YIELD() noexcept

cdef enum:
    # A thread looks 2,000 times for work before it sleeps, for about a millisecond. Face steps between two kernels take
    # 0.4 ms, and to wake a thread takes 50 us. After each look it yields the processor: without that a path took 1.6
    # times as long on two cores beside another process.
    LOOKS = 2000
    # Parts of the work for each thread: one that begins late, or runs slowly, takes fewer.
    PARTS = 8

ctypedef void (*part_of_kernel)(const void* work, ptrdiff_t start, ptrdiff_t stop) noexcept nogil


cdef class Crew:
    """Threads in `serve`, which take parts of the work that another thread passes to `share`.

    That thread takes parts, too, and waits for no thread that has not begun. One thread at a time may share work.

    Attributes
    ----------
    n_threads : int
        How many threads take parts at most, the one in `share` included.
    """
    # `guard` is held to read or change all below. `posted` is held until there is work, and `finished` until all of it
    # is done: to acquire them is to wait for that.
    cdef PyThread_type_lock guard, posted, finished
    cdef part_of_kernel function
    cdef const void* work
    cdef ptrdiff_t next_item, size, step
    # How many wait, have begun the present work, and have not ended it.
    cdef int n_waiting, n_begun, n_busy
    cdef bint is_posted, is_awaited, is_dismissed
    cdef readonly int n_threads

    def __cinit__(self):
        self.guard, self.posted, self.finished = new_lock(), new_lock(), new_lock()
        PyThread_acquire_lock(self.posted, WAIT_LOCK)
        PyThread_acquire_lock(self.finished, WAIT_LOCK)

    def __dealloc__(self):
        free_lock(self.guard)
        free_lock(self.posted)
        free_lock(self.finished)

    def serve(self):
        """Take parts of work, and wait for more, until the crew is dismissed."""
        with nogil:
            while self._begin():
                self._take_parts()
                self._end()

    def ask_for(self, int n_threads):
        """Let so many threads take parts from the next work on."""
        self._hold()
        self.n_threads = n_threads
        self._let_go()

    def dismiss(self):
        """Let every thread return from `serve`."""
        self._hold()
        self.is_dismissed = True
        self._wake_one()
        self._let_go()

    cdef void share(self, part_of_kernel function, const void* work, ptrdiff_t size, ptrdiff_t align) noexcept nogil:
        """Call function(work, start, stop) for parts of range(size), which begin at multiples of `align`."""
        cdef ptrdiff_t step = size // (PARTS * self.n_threads) + 1
        cdef bint wait
        self._hold()
        self.function, self.work, self.next_item, self.size, self.n_begun = function, work, 0, size, 1
        self.step = (step + align - 1) // align * align
        self._wake_one()
        self._let_go()
        self._take_parts()
        self._hold()
        wait = self.is_awaited = self.n_busy > 0
        self._let_go()
        if wait:
            look_and_wait(self.finished)

    cdef void _take_parts(self) noexcept nogil:
        cdef ptrdiff_t start
        while True:
            self._hold()
            start = self.next_item
            if start < self.size:
                self.next_item += self.step
            self._let_go()
            if start >= self.size:
                return
            self.function(self.work, start, min(start + self.step, self.size))

    cdef bint _begin(self) noexcept nogil:
        """Wait for work and wake another thread; return False once the crew is dismissed."""
        cdef bint goes_on
        self._hold()
        while not (self.is_dismissed or self._may_begin()):
            self.n_waiting += 1
            self._let_go()
            look_and_wait(self.posted)
            self._hold()
            self.n_waiting -= 1
            self.is_posted = False
        goes_on = not self.is_dismissed
        self.n_begun += goes_on
        self.n_busy += goes_on
        if self.is_dismissed or self._may_begin():
            self._wake_one()
        self._let_go()
        return goes_on

    cdef bint _may_begin(self) noexcept nogil:
        return self.next_item < self.size and self.n_begun < self.n_threads

    cdef void _end(self) noexcept nogil:
        self._hold()
        self.n_busy -= 1
        if self.is_awaited and not self.n_busy:
            self.is_awaited = False
            PyThread_release_lock(self.finished)
        self._let_go()

    cdef void _wake_one(self) noexcept nogil:
        """Wake one of the threads that wait. That one wakes the next: a lock can be released only once."""
        if self.n_waiting and not self.is_posted:
            self.is_posted = True
            PyThread_release_lock(self.posted)

    cdef void _hold(self) noexcept nogil:
        look_and_wait(self.guard)

    cdef void _let_go(self) noexcept nogil:
        PyThread_release_lock(self.guard)


cdef PyThread_type_lock new_lock() except NULL:
    cdef PyThread_type_lock lock = PyThread_allocate_lock()
    if lock == NULL:
        raise MemoryError
    return lock


cdef void free_lock(PyThread_type_lock lock) noexcept:
    if lock != NULL:
        PyThread_free_lock(lock)


cdef void look_and_wait(PyThread_type_lock lock) noexcept nogil:
    """Acquire a lock; look for it before sleeping."""
    cdef int k
    for k in range(LOOKS):
        if PyThread_acquire_lock(lock, NOWAIT_LOCK):
            return
        FL_YIELD()
    PyThread_acquire_lock(lock, WAIT_LOCK)


cdef void share(Crew crew, part_of_kernel function, const void* work, ptrdiff_t size, ptrdiff_t align) noexcept nogil:
    """Call function(work, start, stop) for all of range(size), in this thread alone where there is no crew."""
    if crew is None:
        function(work, 0, size)
    else:
        crew.share(function, work, size, align)
