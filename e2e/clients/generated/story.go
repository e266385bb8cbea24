// The story of generated clients, in Go: oapi-codegen makes all but this file.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
)

func check(what string, right bool) {
	if !right {
		panic(what)
	}
}

func must[T any](answer T, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}

// text is that of a content that is a message.
func text(content *Content) string {
	switch known := must(content.ValueByDiscriminator()).(type) {
	case ContentMessage:
		return known.Text
	default:
		return fmt.Sprintf("%T", known)
	}
}

func main() {
	ctx, url := context.Background(), os.Getenv("TIDINGS_URL")
	anyone := must(NewClientWithResponses(url))
	account := SignUp{Username: "gopher", Password: "a long password"}
	signedIn := must(anyone.SignUpWithResponse(ctx, nil, account)).JSON201
	bearer := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+signedIn.Token)
		return nil
	}
	api := must(NewClientWithResponses(url, WithRequestEditorFn(bearer)))
	name := RoomName("harbour")
	room := must(api.CreateRoomWithResponse(ctx, nil, CreateRoom{Kind: "group", Name: &name})).JSON201.Room
	check("a role", room.Role != nil && room.Last == nil)

	live := Live("poll")
	first := must(api.EventsWithResponse(ctx, &EventsParams{Live: &live})).JSON200
	ready, isReady := must(first.Frames[0].ValueByDiscriminator()).(ServerFrameReady)
	check("ready comes first", isReady && ready.Rooms[0].Id == room.Id)

	hello := MessageText("hello")
	sent := must(api.SendMessageWithResponse(ctx, room.Id, nil, SendMessage{Text: &hello})).JSON201
	check("the answer is the event", text(sent.Content) == "hello")
	next := must(api.EventsWithResponse(ctx, &EventsParams{Live: &live, Since: &first.Cursor})).JSON200
	heard := ""
	for _, frame := range next.Frames {
		event, isEvent := must(frame.ValueByDiscriminator()).(ServerFrameEvent)
		if isEvent && event.Log == room.Id {
			heard = text(event.Content)
		}
	}
	check("the stream brings it", heard == "hello")
	log := must(api.ListEventsWithResponse(ctx, room.Id, nil)).JSON200
	check("the log", len(log.Events) == 3 && text(log.Events[2].Content) == "hello")
	check("its beginning", text(log.Events[0].Content) == "main.ContentRoomCreated")

	refused := must(api.GetRoomWithResponse(ctx, "room_00000000000000000000000000"))
	check("a refusal has its code", refused.ApplicationproblemJSONDefault.Code == "not_found")
	fmt.Println("the story holds")
}
