; The installer of Windows (Inno Setup 6). packaging/installers.py gives Version, Program (the frozen folder) and Out.
; Silent: lungbox-VERSION-setup.exe /VERYSILENT /SUPPRESSMSGBOXES /NORESTART /ALLUSERS   (docs/it.md)
#ifndef Version
  #error Version is given by packaging/installers.py
#endif

[Setup]
AppId={{6B0C6B1E-5C0F-4B0B-9B61-2F4C0E7D3A55}
AppName=Lungbox
AppVersion={#Version}
AppVerName=Lungbox {#Version}
AppPublisher=Lungbox
DefaultDirName={autopf}\Lungbox
DefaultGroupName=Lungbox
DisableProgramGroupPage=yes
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
PrivilegesRequired=admin
PrivilegesRequiredOverridesAllowed=commandline dialog
LicenseFile={#Program}\_internal\LICENSE
OutputDir={#Out}
OutputBaseFilename=lungbox-{#Version}-setup
SetupIconFile={#Program}\lungbox.ico
UninstallDisplayIcon={app}\lungbox-viewer.exe
Compression=lzma2/max
SolidCompression=yes
WizardStyle=modern
ChangesEnvironment=no
ChangesAssociations=no
CloseApplications=yes

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"
Name: "de"; MessagesFile: "compiler:Languages\German.isl"

[InstallDelete]
; An older version's libraries must not be found beside the new ones.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Program}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[Icons]
Name: "{group}\Lungbox"; Filename: "{app}\lungbox-viewer.exe"
Name: "{autodesktop}\Lungbox"; Filename: "{app}\lungbox-viewer.exe"; Tasks: desktop

[Tasks]
Name: "desktop"; Description: "{cm:CreateDesktopIcon}"; Flags: unchecked

[Run]
Filename: "{app}\lungbox-viewer.exe"; Description: "{cm:LaunchProgram,Lungbox}"; Flags: nowait postinstall skipifsilent
