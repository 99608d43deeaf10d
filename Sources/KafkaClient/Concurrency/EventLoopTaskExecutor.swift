package import NIOCore

/// Runs tasks on an event loop, with all of them that belongs to no actor.
///
/// A task that waits, for a signal or an answer, is resumed through its preferred executor (SE-0417). On the default one
/// that is another thread, which only passes the task on to the loop of the actor that waits: two changes of threads for
/// each wait.
package final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { [self] in
            // Actors of this event loop are entered from here without another turn of it.
            job.runSynchronously(
                isolatedTo: eventLoop.executor.asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
    }
}
