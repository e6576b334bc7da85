/// Lets other tests go on every hundredth step; for what works long and waits for nothing.
///
/// All tests of a process share a few threads. Without this, a hundred such runs hold up every
/// other test for as long as they take together, until its calls and sessions are over their time.
public func giveWay(at step: Int) async {
    if step.isMultiple(of: 100) { await Task.yield() }
}
