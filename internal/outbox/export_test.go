package outbox

// NoticeState is noticeState, for tests.
type NoticeState = noticeState

// Overtaken is overtaken, for tests.
var Overtaken = overtaken
