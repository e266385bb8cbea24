//! The words of common passwords.
//!
//! Owns: the list. What makes variants of them (`P@ssw0rd!`, `sunshine1`) is the rule's.
//! Never: holds a short word that stands in honest passphrases; with four characters around it any would be refused.

/// Words of six characters and more, and names of the years' most common passwords. Written down from what such lists
/// have in common: the word alone, since digits and signs around it do not count.
pub(super) const COMMON: &str = "
password passwort passwords passw0rd motdepasse contrasena contraseña senha123 wachtwoord parola haslo123 salasana
lozinka heslo123 jelszo sifre123 pass1234 mypassword thepassword nopassword newpassword changeme changeit changeme123
default secret123 secret12 topsecret letmein letmein123 welcome welcome123 willkommen bienvenue bienvenido
administrator admin123 admin1234 adminadmin superuser rootroot toor1234 guest123 test1234 testtest testing tester123
qwerty qwertz azerty qwertyui asdfasdf asdfghjk zxcvbnm zxcvzxcv qazwsx qazwsxedc 1qaz2wsx q1w2e3r4 1q2w3e4r
iloveyou iloveu loveyou lovelove loveme123 ilovegod ichliebedich 11223344 contraseña schatz1 schatz12 teamo123 jetaime mylove123 babygirl babyboy sweetheart
sweetie honey123 darling1 schatz sonnenschein sunshine princess prinzessin princesa queen123 prince123 angel123 angels12
monkey dragon shadow master mustang hunter2 hunter123 killer123 killers1 ninja123 samurai warrior1 wizard12 phoenix1
superman batman123 spiderman starwars pokemon pikachu naruto123 digimon matrix123 trustno1 whatever nothing1 anything
football fussball baseball basketball hockey123 soccer12 softball volleyball liverpool arsenal1 chelsea1 barcelona
realmadrid juventus manchester bayern12 dortmund schalke04 rangers1 yankees1 lakers123 cowboys1 steelers packers1 eagles12
michael jessica jennifer charlie1 thomas12 michelle daniel12 ashley12 andrew12 joshua12 matthew1 jordan23 robert12
william1 nicole12 amanda12 samantha alexander christian benjamin stephanie elizabeth victoria isabella gabriel1 anthony1
computer internet samsung1 google123 facebook linkedin1 microsoft windows1 iphone123 android1 apple123 adobe123 photoshop
freedom1 forever1 summer12 winter12 spring12 autumn12 sommer12 january1 february december november october1 september
hello123 hellohello hallo123 hallohallo hola1234 bonjour1 goodbye1 namaste1 salut123 aloha123
blink182 metallica slipknot nirvana1 eminem123 beatles1 rockstar guitar12 music123 dancer12
butterfly flower12 rainbow1 unicorn1 dolphin1 tigger12 tinkerbell snoopy12 garfield scooby12 mickey12 donald12
cheese12 chocolate cookie12 peanut12 pepper12 ginger12 banana12 orange12 cherry12 strawberry
corvette ferrari1 porsche1 mercedes harley12 yamaha12 toyota12 honda123 chevrolet
jesus123 jesuschrist godbless blessed1 heaven12 faith123 church12
fuckyou fuckoff fuckme12 bullshit asshole1 pussy123 sexy1234 hotmail1
access14 access123 login123 loginlogin user1234 useruser account1 security qwerty12345 abc12345 abcd1234 abcdef12 aa123456
a1b2c3d4 zaq12wsx zaq1zaq1 poiuytre mnbvcxz lkjhgfds 987654321 147258369 123qweasd qweasdzxc q1w2e3r4t5 1234qwer qwer1234
asdf1234 zxcv1234 p4ssword pa55word passpass passcode keyword1 whatever1 nothing12 ihateyou imissyou helpme12 lovers12
";
